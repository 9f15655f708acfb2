// Records into rows.
#include <charconv>

#include "storage/json_object.hpp"
#include "storage/record_codec.hpp"

namespace turnwise::storage {
namespace {

using model::Overloaded;

std::int64_t since_1970(model::WallTime time) {
  return time.time_since_epoch().count();
}

/// The shortest text that reads back as the same number, in a string: JSON parsers do not agree on the last bit of a number.
void add_exact(JsonObject& object, std::string_view name, double value) {
  char digits[32];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  object.add(name, std::string_view{std::begin(digits), end});
}

/// Members in which `backoff` differs from `unstated`; all of them when there is nothing to differ from.
void add_backoff(JsonObject& detail, const model::Backoff& backoff, const model::Backoff* unstated) {
  std::string text;
  JsonObject object{text};
  if (unstated == nullptr || backoff.initial != unstated->initial) {
    object.add("initial_ms", backoff.initial.count());
  }
  if (unstated == nullptr || backoff.factor != unstated->factor) {
    add_exact(object, "factor", backoff.factor);
  }
  if (unstated == nullptr || backoff.max != unstated->max) {
    object.add("max_ms", backoff.max.count());
  }
  if (unstated == nullptr || backoff.jitter != unstated->jitter) {
    object.add("jitter", name(backoff.jitter));
  }
  object.close();
  if (!text.empty()) {
    detail.add_json("backoff", text);
  }
}

void add_options(JsonObject& detail, const model::JobOptions& options) {
  if (options.max_attempts) {
    detail.add("max_attempts", *options.max_attempts);
  }
  if (options.backoff) {
    add_backoff(detail, *options.backoff, nullptr);
  }
  if (options.on_failure) {
    detail.add("on_failure", name(*options.on_failure));
  }
  if (options.timeout) {
    detail.add("timeout_ms", options.timeout->count());
  }
  if (options.lease) {
    detail.add("lease_ms", options.lease->count());
  }
}

void add_policy(JsonObject& detail, const model::Policy& policy) {
  if (policy.max_attempts != unstated_policy.max_attempts) {
    detail.add("max_attempts", policy.max_attempts);
  }
  add_backoff(detail, policy.backoff, &unstated_policy.backoff);
  if (policy.on_failure != unstated_policy.on_failure) {
    detail.add("on_failure", name(policy.on_failure));
  }
  if (policy.timeout != unstated_policy.timeout) {
    detail.add("timeout_ms", policy.timeout.count());
  }
  if (policy.lease != unstated_policy.lease) {
    detail.add("lease_ms", policy.lease.count());
  }
}

void add_fingerprint(JsonObject& detail, model::Fingerprint fingerprint) {
  if (fingerprint != 0) {
    char digits[16];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), fingerprint, 16).ptr;
    detail.add("fingerprint", std::string_view{std::begin(digits), end});
  }
}

void add_time(JsonObject& detail, std::string_view name, const std::optional<model::WallTime>& time) {
  if (time) {
    detail.add(name, since_1970(*time));
  }
}

void add_words(JsonObject& detail, std::string_view name, std::string_view words) {
  if (!words.empty()) {
    detail.add(name, words);
  }
}

void add_turn(JsonObject& detail, const std::optional<model::CarriedTurn>& turn) {
  if (!turn) {
    return;
  }
  std::string text;
  JsonObject object{text};
  object.add("nonce", model::to_uuid(turn->nonce.bits));
  object.add("worker", turn->worker);
  add_policy(object, turn->policy);
  object.add("started_at", since_1970(turn->started_at));
  object.add("token", turn->token.value());
  if (!turn->open) {
    object.add("open", 0);
  }
  if (turn->cancel_requested) {
    object.add("cancel_requested", 1);
  }
  add_words(object, "claimant", turn->claimant);
  object.close();
  detail.add_json("turn", text);
}

void add_outside(JsonObject& detail, model::OutsideId outside) {
  if (outside != model::OutsideId{}) {
    detail.add("outside", outside.value());
  }
}

/// As an array of pairs.
void add_gaps(JsonObject& detail, const std::vector<model::OutsideRange>& gaps) {
  std::string text;
  for (const model::OutsideRange& gap : gaps) {
    text.append(text.empty() ? "[[" : ",[").append(std::to_string(gap.first.value())).append(",");
    text.append(std::to_string(gap.last.value())).append("]");
  }
  if (!text.empty()) {
    detail.add_json("gaps", text.append("]"));
  }
}

/// Writes the columns of one event; the detail column through `detail`.
struct Encoder {
  RecordColumns& columns;
  JsonObject& detail;

  void operator()(const model::Submitted& body) const {
    columns.subject = body.subject;
    columns.kind = body.kind;
    columns.key = body.key;
    columns.payload = body.payload;
    add_fingerprint(detail, body.fingerprint);
    add_options(detail, body.options);
    add_time(detail, "run_at", body.run_at);
    add_time(detail, "expires_at", body.expires_at);
    add_words(detail, "metadata", body.metadata);
    add_words(detail, "traceparent", body.traceparent);
    add_outside(detail, body.outside);
  }
  void operator()(const model::Carried& body) const {
    (*this)(body.job);
    if (body.type != model::CarriedType::job) {
      detail.add("type", name(body.type));
    }
    detail.add("since", since_1970(body.since));
    detail.add("state", name(body.state));
    add_time(detail, "due", body.due);
    add_time(detail, "expiry", body.expires_at);
    detail.add("attempt", body.attempt.value());
    detail.add("failures", body.failures);
    add_turn(detail, body.turn);
    add_words(detail, "by", body.by);
    add_words(detail, "why", body.why);
  }
  void operator()(const model::Started& body) const {
    detail.add("attempt", body.attempt.value());
    detail.add("nonce", model::to_uuid(body.nonce.bits));
    detail.add("worker", body.worker);
    add_policy(detail, body.policy);
    add_words(detail, "claimant", body.claimant);
  }
  void operator()(const model::Succeeded& body) const {
    detail.add("attempt", body.attempt.value());
    columns.payload = body.result;
    add_outside(detail, body.outside);
  }
  void operator()(const model::AttemptFailed& body) const {
    detail.add("attempt", body.attempt.value());
    detail.add("next", model::name(body.next));
    add_time(detail, "retry_at", body.retry_at);
    columns.payload = body.error;
  }
  void operator()(const model::Released& body) const {
    detail.add("attempt", body.attempt.value());
    add_time(detail, "retry_at", body.retry_at);
  }
  void operator()(const model::Replaced& body) const {
    add_fingerprint(detail, body.fingerprint);
    add_options(detail, body.options);
    add_time(detail, "expires_at", body.expires_at);
    add_words(detail, "metadata", body.metadata);
    add_words(detail, "traceparent", body.traceparent);
    add_outside(detail, body.outside);
    columns.subject = body.subject;
    columns.kind = body.kind;
    columns.key = body.key;
    columns.payload = body.payload;
  }
  void operator()(const model::Coalesced& body) const {
    columns.subject = body.subject;
    columns.kind = body.kind;
    columns.key = body.key;
    add_fingerprint(detail, body.fingerprint);
    add_outside(detail, body.outside);
  }
  void operator()(const model::Taken& body) const {
    add_outside(detail, body.outside);
    detail.add("of", body.of.value());
    detail.add("why", body.why);
  }
  void operator()(const model::OutsideCursor& body) const {
    detail.add("to", body.to.value());
    add_gaps(detail, body.gaps);
  }
  void operator()(const model::Held& body) const {
    columns.subject = body.subject;
    detail.add("owner", body.owner);
    detail.add("ttl_ms", body.ttl.count());
    add_words(detail, "claimant", body.claimant);
  }
  void operator()(const model::HoldProlonged& body) const { detail.add("ttl_ms", body.ttl.count()); }
  void operator()(const model::Paused& body) const {
    columns.subject = body.subject;
    detail.add("by", body.by);
    detail.add("why", body.why);
  }
  void operator()(const model::Resumed& body) const { detail.add("by", body.by); }
  void operator()(const model::HoldReleased&) const {}
  void operator()(const model::HoldExpired&) const {}
  void operator()(const model::Due&) const {}
  void operator()(const model::CancelRequested&) const {}
  void operator()(const model::Cancelled&) const {}
  void operator()(const model::Retried&) const {}
  void operator()(const model::WaitExpired&) const {}
};

} // namespace

void encode(const model::Record& record, RecordColumns& columns) {
  columns.event = static_cast<std::int16_t>(model::event_of(record.body));
  columns.subject = columns.kind = columns.key = columns.payload = {};
  JsonObject detail{columns.detail};
  std::visit(Encoder{columns, detail}, record.body);
  detail.close();
}

} // namespace turnwise::storage
