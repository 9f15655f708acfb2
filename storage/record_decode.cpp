// Rows into records.
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <stdexcept>

#include "storage/record_codec.hpp"

namespace turnwise::storage {
namespace {

namespace json = boost::json;

/// The members of a detail column; asks for what is there and says what is wrong with it.
class Members {
public:
  explicit Members(const json::object& object) : object_(object) {}

  template <class Number>
  [[nodiscard]] std::optional<Number> number(std::string_view name) const {
    const auto* value = object_.if_contains(name);
    return value == nullptr ? std::optional<Number>{} : value->to_number<Number>();
  }
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const {
    const auto* value = object_.if_contains(name);
    return value == nullptr ? std::optional<std::string_view>{} : std::string_view{value->as_string()};
  }
  [[nodiscard]] std::optional<Members> object(std::string_view name) const {
    const auto* value = object_.if_contains(name);
    return value == nullptr ? std::optional<Members>{} : Members{value->as_object()};
  }

  [[nodiscard]] std::optional<model::milliseconds> duration(std::string_view name) const {
    const auto count = number<std::int64_t>(name);
    return count ? std::optional{model::milliseconds{*count}} : std::nullopt;
  }
  [[nodiscard]] std::optional<model::WallTime> time(std::string_view name) const {
    const auto count = number<std::int64_t>(name);
    return count ? std::optional{model::WallTime{model::microseconds{*count}}} : std::nullopt;
  }
  /// Empty when there is none.
  [[nodiscard]] json::array array(std::string_view name) const {
    const auto* value = object_.if_contains(name);
    return value == nullptr ? json::array{} : value->as_array();
  }
  [[nodiscard]] std::string copy(std::string_view name) const { return std::string{text(name).value_or("")}; }

private:
  const json::object& object_;
};

template <class T>
T known(std::optional<T> value, const char* what) {
  if (!value) {
    throw std::invalid_argument(std::string{"unknown or missing "} + what);
  }
  return *value;
}

double exact_number(std::string_view text) {
  double value{};
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) {
    throw std::invalid_argument("factor is not a number");
  }
  return value;
}

model::Fingerprint fingerprint(const Members& members) {
  const auto text = members.text("fingerprint").value_or("0");
  model::Fingerprint value{};
  if (std::from_chars(text.data(), text.data() + text.size(), value, 16).ec != std::errc{}) {
    throw std::invalid_argument("fingerprint is not hexadecimal");
  }
  return value;
}

model::OutsideId outside(const Members& members) {
  return model::OutsideId{members.number<std::uint64_t>("outside").value_or(0)};
}

model::OutsideCursor outside_cursor(const Members& members) {
  model::OutsideCursor cursor{.to = model::OutsideId{known(members.number<std::uint64_t>("to"), "to")}, .gaps = {}};
  for (const json::value& gap : members.array("gaps")) {
    const auto bound = [&](std::size_t place) { return model::OutsideId{gap.as_array().at(place).to_number<std::uint64_t>()}; };
    cursor.gaps.push_back({bound(0), bound(1)});
  }
  return cursor;
}

model::Coalesce coalesce(const Members& members) {
  const auto word = members.text("coalesce").value_or("");
  return word == "skip"        ? model::Coalesce::skip
         : word == "once_more" ? model::Coalesce::once_more
         : word == "replace"   ? model::Coalesce::replace
         : word.empty()        ? model::Coalesce::never
                               : known(std::optional<model::Coalesce>{}, "coalesce");
}

model::Attempt attempt(const Members& members) {
  return model::Attempt{known(members.number<std::uint32_t>("attempt"), "attempt")};
}

model::Backoff backoff(const Members& members) {
  auto result = unstated_policy.backoff;
  result.initial = members.duration("initial_ms").value_or(result.initial);
  result.max = members.duration("max_ms").value_or(result.max);
  if (const auto factor = members.text("factor")) {
    result.factor = exact_number(*factor);
  }
  if (const auto word = members.text("jitter")) {
    result.jitter = known(model::jitter_of(*word), "jitter");
  }
  return result;
}

model::JobOptions options(const Members& members) {
  model::JobOptions result;
  result.max_attempts = members.number<std::uint32_t>("max_attempts");
  if (const auto nested = members.object("backoff")) {
    result.backoff = backoff(*nested);
  }
  if (const auto word = members.text("on_failure")) {
    result.on_failure = known(model::on_failure_of(*word), "on_failure");
  }
  result.timeout = members.duration("timeout_ms");
  result.lease = members.duration("lease_ms");
  return result;
}

model::Policy policy(const Members& members) {
  return model::resolve(unstated_policy, options(members));
}

model::Submitted submitted(const StoredRow& row, const Members& members) {
  return {.subject = std::string{row.subject},
          .kind = std::string{row.kind},
          .key = std::string{row.key},
          .fingerprint = fingerprint(members),
          .options = options(members),
          .run_at = members.time("run_at"),
          .expires_at = members.time("expires_at"),
          .metadata = members.copy("metadata"),
          .payload = std::string{row.payload},
          .traceparent = members.copy("traceparent"),
          .outside = outside(members)};
}

model::Started started(const Members& members) {
  return {.attempt = attempt(members),
          .nonce = {model::from_uuid(known(members.text("nonce"), "nonce"))},
          .worker = members.copy("worker"),
          .policy = policy(members),
          .claimant = members.copy("claimant")};
}

std::optional<model::CarriedTurn> turn(const Members& members) {
  const auto nested = members.object("turn");
  if (!nested) {
    return std::nullopt;
  }
  return model::CarriedTurn{.nonce = {model::from_uuid(known(nested->text("nonce"), "nonce"))},
                            .worker = nested->copy("worker"),
                            .policy = policy(*nested),
                            .started_at = known(nested->time("started_at"), "started_at"),
                            .token = model::FencingToken{known(nested->number<std::uint64_t>("token"), "token")},
                            .open = nested->number<int>("open").value_or(1) != 0,
                            .cancel_requested = nested->number<int>("cancel_requested").value_or(0) != 0,
                            .claimant = nested->copy("claimant")};
}

model::Carried carried(const StoredRow& row, const Members& members) {
  return {.type = known(model::carried_type(members.text("type").value_or("job")), "type"),
          .job = submitted(row, members),
          .since = known(members.time("since"), "since"),
          .state = known(model::job_state(members.text("state").value_or("")), "state"),
          .due = members.time("due"),
          .expires_at = members.time("expiry"),
          .attempt = attempt(members),
          .failures = known(members.number<std::uint32_t>("failures"), "failures"),
          .turn = turn(members),
          .by = members.copy("by"),
          .why = members.copy("why")};
}

model::AttemptFailed failed(model::FailureCause cause, const StoredRow& row, const Members& members) {
  return {.attempt = attempt(members),
          .cause = cause,
          .next = known(model::job_state(members.text("next").value_or("")), "next state"),
          .retry_at = members.time("retry_at"),
          .error = std::string{row.payload}};
}

model::Replaced replaced(const StoredRow& row, const Members& members) {
  return {.fingerprint = fingerprint(members),
          .options = options(members),
          .expires_at = members.time("expires_at"),
          .metadata = members.copy("metadata"),
          .payload = std::string{row.payload},
          .traceparent = members.copy("traceparent"),
          .subject = std::string{row.subject},
          .kind = std::string{row.kind},
          .key = std::string{row.key},
          .outside = outside(members)};
}

model::milliseconds ttl(const Members& members) {
  return known(members.duration("ttl_ms"), "ttl_ms");
}

model::RecordBody body(const StoredRow& row, const Members& members) {
  using model::Event;
  switch (static_cast<Event>(row.event)) {
  case Event::submitted:
    return submitted(row, members);
  case Event::due:
    return model::Due{};
  case Event::started:
    return started(members);
  case Event::succeeded:
    return model::Succeeded{attempt(members), std::string{row.payload}, outside(members)};
  case Event::failed:
    return failed(model::FailureCause::failed, row, members);
  case Event::expired:
    return failed(model::FailureCause::expired, row, members);
  case Event::timed_out:
    return failed(model::FailureCause::timed_out, row, members);
  case Event::released:
    return model::Released{attempt(members), members.time("retry_at")};
  case Event::cancel_requested:
    return model::CancelRequested{};
  case Event::cancelled:
    return model::Cancelled{};
  case Event::retried:
    return model::Retried{};
  case Event::replaced:
    return replaced(row, members);
  case Event::wait_expired:
    return model::WaitExpired{};
  case Event::held:
    return model::Held{std::string{row.subject}, members.copy("owner"), ttl(members), members.copy("claimant")};
  case Event::hold_prolonged:
    return model::HoldProlonged{ttl(members)};
  case Event::hold_released:
    return model::HoldReleased{};
  case Event::hold_expired:
    return model::HoldExpired{};
  case Event::paused:
    return model::Paused{std::string{row.subject}, members.copy("by"), members.copy("why")};
  case Event::resumed:
    return model::Resumed{members.copy("by")};
  case Event::carried:
    return carried(row, members);
  case Event::coalesced:
    return model::Coalesced{std::string{row.subject}, std::string{row.kind}, std::string{row.key}, fingerprint(members),
                            outside(members)};
  case Event::taken:
    return model::Taken{outside(members), model::EntryNumber{known(members.number<std::uint64_t>("of"), "of")},
                        members.copy("why")};
  case Event::outside_cursor:
    return outside_cursor(members);
  }
  throw std::invalid_argument("unknown event " + std::to_string(row.event));
}

} // namespace

model::Result<model::Record> decode(const StoredRow& row) {
  try {
    std::array<unsigned char, 2048> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
    json::monotonic_resource memory{buffer.data(), buffer.size()};
    const auto detail = json::parse(row.detail.empty() ? std::string_view{"{}"} : row.detail, &memory);
    return model::Record{.entry = model::EntryNumber{row.entry},
                         .at = model::WallTime{model::microseconds{row.at_us}},
                         .body = body(row, Members{detail.as_object()})};
  } catch (const std::exception& fault) {
    return model::Error{.code = model::Errc::internal,
                        .detail = "journal row of entry " + std::to_string(row.entry) + ", sequence " +
                                  std::to_string(row.sequence) + " cannot be read: " + fault.what(),
                        .pointer = {}};
  }
}

model::Result<model::NewJob> decode_new_job(const StoredRow& row) {
  try {
    const auto detail = json::parse(row.detail.empty() ? std::string_view{"{}"} : row.detail);
    const Members members{detail.as_object()};
    model::Submitted job = submitted(row, members);
    return model::NewJob{.subject = std::move(job.subject),
                         .kind = std::move(job.kind),
                         .key = std::move(job.key),
                         .fingerprint = job.fingerprint,
                         .options = job.options,
                         .run_at = job.run_at,
                         .delay = members.duration("delay_ms"),
                         .expires_at = job.expires_at,
                         .coalesce = coalesce(members),
                         .metadata = std::move(job.metadata),
                         .payload = std::move(job.payload),
                         .outside = {}};
  } catch (const std::exception& fault) {
    return model::Error{.code = model::Errc::internal,
                        .detail = std::string{"a row of turnwise.submit() cannot be read: "} + fault.what(),
                        .pointer = {}};
  }
}

model::Result<model::Complete> decode_completion(const StoredRow& row) {
  try {
    const auto detail = json::parse(row.detail);
    const Members members{detail.as_object()};
    const model::Nonce nonce{model::from_uuid(known(members.text("nonce"), "nonce"))};
    return model::Complete{.claim = {model::EntryNumber{row.entry}, attempt(members), nonce},
                           .result = std::string{row.payload},
                           .ticket = {},
                           .outside = {}};
  } catch (const std::exception& fault) {
    return model::Error{.code = model::Errc::internal,
                        .detail = std::string{"a row of turnwise.complete() cannot be read: "} + fault.what(),
                        .pointer = {}};
  }
}

void apply_replaced(model::Submitted& job, model::Replaced replaced) {
  job.fingerprint = replaced.fingerprint;
  job.options = replaced.options;
  job.expires_at = replaced.expires_at;
  job.metadata = std::move(replaced.metadata);
  job.payload = std::move(replaced.payload);
  job.traceparent = std::move(replaced.traceparent);
}

} // namespace turnwise::storage
