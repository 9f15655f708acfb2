// POST /v1/jobs: every member with its bounds.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "app/api/job_options.hpp"
#include "app/api/object_reader.hpp"
#include "app/api/requests.hpp"
#include "model/limits.hpp"
#include "model/subject.hpp"
#include "model/traceparent.hpp"

namespace turnwise::api {
namespace {

using model::Errc;
using model::Error;
using model::NewJob;

constexpr std::string_view job_members =
    "a job has subject, kind, payload, run_at or delay, max_attempts, backoff, on_failure, timeout, "
    "lease, coalesce, expires_at, metadata, traceparent";
constexpr std::string_view deferred_members =
    "a deferred job has kind, payload, run_at or delay, max_attempts, backoff, on_failure, timeout, "
    "lease, coalesce, expires_at, metadata, traceparent";

void read_names(ObjectReader& in, NewJob& job) {
  job.subject = in.required_text("subject", "name what the job works on, like \"artifact:123\"");
  job.kind = in.required_text("kind", "name which handler runs the job, like \"expire_build_artifacts\"");
  if (const auto checked = model::check_subject(job.subject); !checked) {
    in.refuse("subject", checked.error().detail);
  }
  if (const auto checked = model::check_kind(job.kind); !checked) {
    in.refuse("kind", checked.error().detail);
  }
}

void read_times(ObjectReader& in, NewJob& job) {
  job.run_at = in.time("run_at");
  job.delay = in.duration("delay", milliseconds{0}, duration_max);
  job.expires_at = in.time("expires_at");
  if (job.run_at && job.delay) {
    in.refuse("delay", "give run_at or delay, not both");
  }
  if (job.run_at && job.expires_at && *job.expires_at <= *job.run_at) {
    in.refuse("expires_at", "expires_at must be later than run_at, else the job could never start");
  }
}

void read_texts(ObjectReader& in, NewJob& job, KeyPlace place) {
  job.payload = in.opaque("payload", model::payload_bytes_max).value_or("null");
  job.metadata = in.opaque("metadata", model::metadata_bytes_max).value_or("");
  if (!job.metadata.empty() && job.metadata.front() != '{') {
    in.refuse("metadata", "metadata must be an object");
  }
  if (const auto traceparent = in.text("traceparent")) {
    if (auto carried = model::carried_traceparent(*traceparent)) {
      job.traceparent = std::move(*carried);
    } else {
      in.refuse("traceparent", "traceparent must be as W3C Trace Context says, like "
                               "\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"");
    }
  }
  if (place == KeyPlace::member) {
    job.key = in.short_text("idempotency_key", model::idempotency_key_bytes_max).value_or("");
  }
}

/// Everything that was asked for in one fixed form, so that a repeated request is known however its JSON was written, and
/// whichever trace it belongs to.
std::string normalized(const NewJob& job) {
  std::string text;
  auto add = [&](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text), "{}:{}:", name, value.size());
    text += value;
    text += '\n';
  };
  auto add_duration = [&](std::string_view name, const std::optional<milliseconds>& value) {
    if (value) {
      add(name, std::to_string(value->count()));
    }
  };
  auto add_time = [&](std::string_view name, const std::optional<model::WallTime>& value) {
    if (value) {
      add(name, std::to_string(value->time_since_epoch().count()));
    }
  };
  add("subject", job.subject);
  add("kind", job.kind);
  add("payload", job.payload);
  add("metadata", job.metadata);
  add("coalesce", std::to_string(static_cast<int>(job.coalesce)));
  add_time("run_at", job.run_at);
  add_duration("delay", job.delay);
  add_time("expires_at", job.expires_at);
  add_duration("timeout", job.options.timeout);
  add_duration("lease", job.options.lease);
  if (job.options.max_attempts) {
    add("max_attempts", std::to_string(*job.options.max_attempts));
  }
  if (job.options.on_failure) {
    add("on_failure", std::to_string(static_cast<int>(*job.options.on_failure)));
  }
  if (const auto& backoff = job.options.backoff) {
    add("backoff", fmt::format("{} {} {} {}", backoff->initial.count(), backoff->factor, backoff->max.count(),
                               static_cast<int>(backoff->jitter)));
  }
  return text;
}

} // namespace

Result<NewJob> parse_new_job(const boost::json::object& object, KeyPlace place, const RequestLimits& limits) {
  static constexpr std::pair<std::string_view, model::Coalesce> coalesces[] = {
      {"skip", model::Coalesce::skip}, {"once_more", model::Coalesce::once_more}, {"replace", model::Coalesce::replace}};
  NewJob job;
  ObjectReader in(object, "");
  read_names(in, job);
  read_texts(in, job, place);
  read_options(in, job.options, limits);
  read_times(in, job);
  job.coalesce = choice(in, "coalesce", coalesces).value_or(model::Coalesce::never);
  if (place == KeyPlace::header && object.contains("idempotency_key")) {
    in.refuse("idempotency_key", "a single job takes its key from the header Idempotency-Key");
  }
  if (place == KeyPlace::nowhere && object.contains("idempotency_key")) {
    in.refuse("idempotency_key", "a deferred job takes no idempotency key");
  }
  if (auto fault = std::move(in).fault(place == KeyPlace::nowhere ? deferred_members : job_members)) {
    return std::move(*fault);
  }
  job.fingerprint = model::fingerprint_of(normalized(job));
  return job;
}

Result<std::vector<Result<NewJob>>> parse_batch(const boost::json::object& object, const RequestLimits& limits) {
  ObjectReader in(object, "");
  const auto* items = in.array("jobs", model::batch_items_max);
  if (items == nullptr) {
    in.refuse("jobs", "jobs is missing: a batch is {\"jobs\": […]}");
  }
  if (auto fault = std::move(in).fault("a batch has jobs")) {
    return std::move(*fault);
  }
  std::vector<Result<NewJob>> jobs;
  jobs.reserve(items->size());
  for (const auto& item : *items) {
    Result<NewJob> job = item.is_object() ? parse_new_job(item.get_object(), KeyPlace::member, limits)
                                          : Error{Errc::malformed, "a job must be an object", ""};
    if (!job) {
      Error error = job.error();
      error.pointer = fmt::format("/jobs/{}{}", jobs.size(), error.pointer);
      job = std::move(error);
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

} // namespace turnwise::api
