#include <boost/json.hpp>
#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/client/wire.hpp"
#include "app/json/writer.hpp"

namespace turnwise::client::wire {

using turnwise::json::Writer;

namespace {

// JSON text goes in as it is: parsing payloads only to write them again would cost more than everything else here.

void text_unless_empty(Writer& out, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    out.member(name, value);
  }
}

void raw_unless_empty(Writer& out, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    out.key(name).raw(value);
  }
}

void duration(Writer& out, std::string_view name, std::optional<milliseconds> value) {
  if (value) {
    out.member(name, fmt::format("{}ms", value->count()));
  }
}

void write(Writer& out, const model::Backoff& backoff) {
  out.begin_object();
  duration(out, "initial", backoff.initial);
  out.key("factor").raw(boost::json::serialize(boost::json::value(backoff.factor)));
  duration(out, "max", backoff.max);
  out.member("jitter", name(backoff.jitter)).end_object();
}

void write_options(Writer& out, const model::JobOptions& options) {
  if (options.max_attempts) {
    out.member("max_attempts", *options.max_attempts);
  }
  if (options.backoff) {
    write(out.key("backoff"), *options.backoff);
  }
  if (options.on_failure) {
    out.member("on_failure", name(*options.on_failure));
  }
  duration(out, "timeout", options.timeout);
  duration(out, "lease", options.lease);
}

void write(Writer& out, const NewJob& job) {
  out.begin_object().member("subject", job.subject).member("kind", job.kind);
  raw_unless_empty(out, "payload", job.payload);
  raw_unless_empty(out, "metadata", job.metadata);
  text_unless_empty(out, "idempotency_key", job.idempotency_key);
  text_unless_empty(out, "traceparent", job.traceparent);
  duration(out, "delay", job.delay);
  if (job.run_at) {
    out.member("run_at", api::to_text(*job.run_at));
  }
  text_unless_empty(out, "coalesce", job.coalesce);
  write_options(out, job.options);
  out.end_object();
}

/// What the outcome says besides its name.
void write_verdict(Writer& out, const Answer& answer) {
  if (answer.outcome == Answer::Outcome::complete) {
    raw_unless_empty(out, "result", answer.result);
  }
  if (answer.outcome == Answer::Outcome::fail) {
    out.member("error", answer.error).member("retry", answer.retry);
  }
  if (answer.outcome != Answer::Outcome::complete) {
    duration(out, "retry_after", answer.retry_after);
  }
}

void write(Writer& out, const Answer& answer) {
  out.begin_object().member("receipt", answer.receipt).member("outcome", outcome_name(answer.outcome));
  write_verdict(out, answer);
  out.end_object();
}

void write(Writer& out, const std::string& text) {
  out.string(text);
}

template <class Items>
void write_array(Writer& out, std::string_view name, const Items& items) {
  out.key(name).begin_array();
  for (const auto& item : items) {
    write(out, item);
  }
  out.end_array();
}

} // namespace

std::string_view outcome_name(Answer::Outcome outcome) {
  switch (outcome) {
  case Answer::Outcome::complete:
    return "complete";
  case Answer::Outcome::fail:
    return "fail";
  case Answer::Outcome::release:
    break;
  }
  return "release";
}

std::string encode(const NewJob& job) {
  Writer out;
  write(out, job);
  return std::move(out).take();
}

std::string encode_batch(std::span<const NewJob> jobs) {
  Writer out;
  out.begin_object();
  write_array(out, "jobs", jobs);
  out.end_object();
  return std::move(out).take();
}

std::string encode(const ClaimRequest& request) {
  Writer out;
  out.begin_object().member("worker", request.worker);
  write_array(out, "kinds", request.kinds);
  out.member("max", request.max);
  duration(out, "lease", request.lease);
  duration(out, "wait", request.wait);
  if (!request.results.empty()) {
    write_array(out, "results", request.results);
  }
  if (!request.extend.empty()) {
    write_array(out, "extend", request.extend);
  }
  out.end_object();
  return std::move(out).take();
}

std::string encode(const Answer& answer) {
  Writer out;
  out.begin_object();
  write_verdict(out, answer);
  out.end_object();
  return std::move(out).take();
}

} // namespace turnwise::client::wire
