#include <boost/json.hpp>

#include "app/client/wire.hpp"

namespace turnwise::client::wire {

namespace json = boost::json;

namespace {

/// Builds one JSON object from left to right. JSON text goes in as it is: parsing payloads only to write them again would
/// cost more than everything else here.
class ObjectText {
public:
  ObjectText& text(std::string_view name, std::string_view value) {
    return raw(name, json::serialize(json::string_view{value}));
  }
  ObjectText& text_unless_empty(std::string_view name, std::string_view value) {
    return value.empty() ? *this : text(name, value);
  }
  ObjectText& raw(std::string_view name, std::string_view value) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    text_.append(name).append("\":").append(value);
    return *this;
  }
  ObjectText& raw_unless_empty(std::string_view name, std::string_view value) {
    return value.empty() ? *this : raw(name, value);
  }
  ObjectText& duration(std::string_view name, std::optional<milliseconds> value) {
    return value ? raw(name, encode_duration(*value)) : *this;
  }
  std::string finish() { return std::move(text_ += '}'); }

private:
  std::string text_{"{"};
};

template <class Range, class Encode>
std::string array_text(const Range& items, Encode encode_item) {
  std::string text{"["};
  for (const auto& item : items) {
    if (text.size() > 1)
      text += ',';
    text += encode_item(item);
  }
  return text += ']';
}

std::string quoted(std::string_view text) {
  return json::serialize(json::string_view{text});
}

std::string encode(const model::Backoff& backoff) {
  return ObjectText{}
      .duration("initial", backoff.initial)
      .raw("factor", json::serialize(json::value(backoff.factor)))
      .duration("max", backoff.max)
      .text("jitter", name(backoff.jitter))
      .finish();
}

void add_options(ObjectText& object, const model::JobOptions& options) {
  if (options.max_attempts)
    object.raw("max_attempts", std::to_string(*options.max_attempts));
  if (options.backoff)
    object.raw("backoff", encode(*options.backoff));
  if (options.on_failure)
    object.text("on_failure", name(*options.on_failure));
  object.duration("timeout", options.timeout).duration("lease", options.lease);
}

void add_failure(ObjectText& object, std::string_view error, bool retry, std::optional<milliseconds> retry_after) {
  object.text("error", error).raw("retry", retry ? "true" : "false").duration("retry_after", retry_after);
}

std::string encode_result(const Answer& answer) {
  ObjectText object;
  object.text("receipt", answer.receipt);
  switch (answer.outcome) {
  case Answer::Outcome::complete:
    object.text("outcome", "complete").raw_unless_empty("result", answer.result);
    break;
  case Answer::Outcome::fail:
    object.text("outcome", "fail");
    add_failure(object, answer.error, answer.retry, answer.retry_after);
    break;
  case Answer::Outcome::release:
    object.text("outcome", "release");
    break;
  }
  return object.finish();
}

} // namespace

std::string encode_duration(milliseconds duration) {
  return "\"" + std::to_string(duration.count()) + "ms\"";
}

std::string encode(const NewJob& job) {
  ObjectText object;
  object.text("subject", job.subject)
      .text("kind", job.kind)
      .raw_unless_empty("payload", job.payload)
      .raw_unless_empty("metadata", job.metadata)
      .text_unless_empty("idempotency_key", job.idempotency_key)
      .duration("delay", job.delay)
      .text_unless_empty("coalesce", job.coalesce);
  add_options(object, job.options);
  return object.finish();
}

std::string encode_batch(std::span<const NewJob> jobs) {
  return ObjectText{}.raw("jobs", array_text(jobs, [](const NewJob& job) { return encode(job); })).finish();
}

std::string encode(const ClaimRequest& request) {
  ObjectText object;
  object.text("worker", request.worker)
      .raw("kinds", array_text(request.kinds, quoted))
      .raw("max", std::to_string(request.max))
      .duration("lease", request.lease)
      .duration("wait", request.wait);
  if (!request.results.empty())
    object.raw("results", array_text(request.results, encode_result));
  if (!request.extend.empty())
    object.raw("extend", array_text(request.extend, quoted));
  return object.finish();
}

std::string encode(const Answer& answer) {
  ObjectText object;
  if (answer.outcome == Answer::Outcome::complete)
    object.raw_unless_empty("result", answer.result);
  if (answer.outcome == Answer::Outcome::fail)
    add_failure(object, answer.error, answer.retry, answer.retry_after);
  return object.finish();
}

} // namespace turnwise::client::wire
