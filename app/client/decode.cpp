#include <array>
#include <charconv>

#include <boost/json.hpp>

#include "app/client/wire.hpp"

namespace turnwise::client::wire {

namespace json = boost::json;
using model::Errc;
using model::Error;

namespace {

Error malformed(std::string_view what) {
  return {Errc::internal, "the node's answer is not what this client knows: " + std::string{what}, {}};
}

/// A payload may be 64 levels deep, and stands within an answer's own.
constexpr std::size_t depth_max = 80;

/// The object in `body`, or nothing.
std::optional<json::object> parse_object(std::string_view body) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = depth_max;
  auto value = json::parse(json::string_view{body}, error, {}, options);
  if (error || !value.is_object())
    return std::nullopt;
  return std::move(value.as_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string{value->as_string()} : std::string{};
}

/// Numbers that may pass 2^53 come as strings.
std::uint64_t number_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr)
    return 0;
  if (value->is_string()) {
    std::uint64_t number{};
    const auto& text = value->as_string();
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  json::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  return error ? 0 : number;
}

bool flag_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

milliseconds duration_of(const json::object& object, std::string_view name) {
  const auto text = text_of(object, name);
  return decode_duration(text).value_or(milliseconds{number_of(object, name)});
}

constexpr std::array every_errc{
    Errc::malformed,
    Errc::unauthorized,
    Errc::forbidden,
    Errc::not_found,
    Errc::method_not_allowed,
    Errc::wrong_state,
    Errc::stale_fence,
    Errc::stale_revision,
    Errc::too_large,
    Errc::unsupported_media_type,
    Errc::idempotency_mismatch,
    Errc::backlog_full,
    Errc::headers_too_large,
    Errc::internal,
    Errc::unavailable,
    Errc::insufficient_storage,
    Errc::outcome_unknown,
};

/// A problem's type ends in the error's name; where it does not, the status decides.
Errc errc_of(std::string_view type, int status) {
  const auto name = type.substr(type.find_last_of("/:#") + 1);
  for (const auto code : every_errc)
    if (model::name(code) == name)
      return code;
  if (status == 503)
    return Errc::outcome_unknown; // the careful reading
  for (const auto code : every_errc)
    if (model::http_status(code) == status)
      return code;
  return status >= 500 ? Errc::outcome_unknown : Errc::malformed;
}

Error problem_of(const json::object& problem, int status) {
  Error error{errc_of(text_of(problem, "type"), status), text_of(problem, "detail"), text_of(problem, "pointer")};
  if (error.detail.empty())
    error.detail = text_of(problem, "title");
  return error;
}

/// One item of a list of answers: a value, or a problem document.
std::optional<Error> problem_in(const json::object& item, std::string_view name = "problem") {
  const auto* problem = item.if_contains(name);
  if (problem == nullptr || !problem->is_object())
    return std::nullopt;
  return problem_of(problem->as_object(), static_cast<int>(number_of(problem->as_object(), "status")));
}

template <class T, class Decode>
std::vector<Result<T>> list_of(const json::object& object, std::string_view name, Decode decode) {
  std::vector<Result<T>> list;
  const auto* items = object.if_contains(name);
  if (items == nullptr || !items->is_array())
    return list;
  for (const auto& item : items->as_array()) {
    if (!item.is_object())
      list.emplace_back(malformed(name));
    else if (auto problem = problem_in(item.as_object()))
      list.emplace_back(std::move(*problem));
    else
      list.emplace_back(decode(item.as_object()));
  }
  return list;
}

Submitted submitted_of(const json::object& item) {
  return {text_of(item, "id"), number_of(item, "sequence"), number_of(item, "position"), text_of(item, "state"),
          text_of(item, "disposition")};
}

Settled settled_of(const json::object& item) {
  return {text_of(item, "state")};
}

Extended extended_of(const json::object& item) {
  return {duration_of(item, "lease"), flag_of(item, "cancel"), flag_of(item, "drain")};
}

Grant grant_of(const json::object& item, std::chrono::steady_clock::time_point leased_from) {
  Grant grant;
  grant.receipt = text_of(item, "receipt");
  grant.job = text_of(item, "job");
  grant.subject = text_of(item, "subject");
  grant.kind = text_of(item, "kind");
  const auto* payload = item.if_contains("payload");
  grant.payload = payload == nullptr ? "null" : json::serialize(*payload);
  grant.traceparent = text_of(item, "traceparent");
  grant.attempt = static_cast<std::uint32_t>(number_of(item, "attempt"));
  grant.fencing_token = number_of(item, "fencing_token");
  grant.lease = duration_of(item, "lease");
  grant.deadline = leased_from + grant.lease;
  return grant;
}

} // namespace

Error decode_problem(int status, std::string_view body) {
  const auto problem = parse_object(body);
  if (!problem)
    return {errc_of({}, status), "the node answered with status " + std::to_string(status), {}};
  return problem_of(*problem, status);
}

Result<Submitted> decode_submitted(std::string_view body) {
  const auto object = parse_object(body);
  if (!object || !object->contains("id"))
    return malformed("a submitted job without an id");
  return submitted_of(*object);
}

Result<std::vector<Result<Submitted>>> decode_batch(std::string_view body, std::size_t count) {
  const auto object = parse_object(body);
  if (!object)
    return malformed("a batch's answer");
  auto list = list_of<Submitted>(*object, "results", submitted_of);
  if (list.size() != count)
    return malformed("a batch's answer with another number of items");
  return list;
}

Result<Claimed> decode_claimed(std::string_view body, const ClaimRequest& request,
                               std::chrono::steady_clock::time_point sent_at) {
  const auto object = parse_object(body);
  const auto* grants = object ? object->if_contains("claims") : nullptr;
  if (grants == nullptr || !grants->is_array())
    return malformed("claims");
  Claimed claimed;
  const auto leased_from = sent_at + milliseconds{number_of(*object, "waited_ms")};
  for (const auto& grant : grants->as_array())
    if (grant.is_object())
      claimed.grants.push_back(grant_of(grant.as_object(), leased_from));
  claimed.refused = problem_in(*object, "claim_problem");
  claimed.drain = flag_of(*object, "drain");
  claimed.results = list_of<Settled>(*object, "results", settled_of);
  claimed.extended = list_of<Extended>(*object, "extended", extended_of);
  if (claimed.results.size() != request.results.size() || claimed.extended.size() != request.extend.size())
    return malformed("claims that answer another number of results");
  return claimed;
}

Result<Settled> decode_settled(std::string_view body) {
  const auto object = parse_object(body);
  if (!object)
    return malformed("an outcome");
  return settled_of(*object);
}

Result<Extended> decode_extended(std::string_view body) {
  const auto object = parse_object(body);
  if (!object)
    return malformed("a heartbeat's answer");
  return extended_of(*object);
}

Result<Job> decode_job(std::string_view body) {
  const auto object = parse_object(body);
  if (!object || !object->contains("id"))
    return malformed("a job without an id");
  Job job{text_of(*object, "id"), text_of(*object, "subject"), text_of(*object, "kind"), text_of(*object, "state"), {}, {}, {}};
  job.attempt = static_cast<std::uint32_t>(number_of(*object, "attempt"));
  job.error = text_of(*object, "failure");
  const auto* attempts = object->if_contains("attempts");
  if (job.error.empty() && attempts != nullptr && attempts->is_array() && !attempts->as_array().empty())
    if (const auto* last = attempts->as_array().back().if_object())
      job.error = text_of(*last, "error");
  job.text = body;
  return job;
}

Result<Stats> decode_stats(std::string_view body) {
  const auto object = parse_object(body);
  if (!object)
    return malformed("stats");
  return Stats{number_of(*object, "jobs_open"), number_of(*object, "jobs_running"), std::string{body}};
}

} // namespace turnwise::client::wire
