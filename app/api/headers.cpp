#include "app/api/headers.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "app/text.hpp"
#include "model/limits.hpp"
#include "model/traceparent.hpp"

namespace turnwise::api {
namespace {

/// Takes the text up to the separator off the front of `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const auto part = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

/// "7" with its quotes, and nothing else.
std::optional<std::uint64_t> quoted_number(std::string_view field) {
  std::uint64_t number = 0;
  const bool quoted = field.size() > 2 && field.front() == '"' && field.back() == '"';
  const auto digits = quoted ? field.substr(1, field.size() - 2) : std::string_view{};
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = quoted && failure == std::errc{} && end == digits.data() + digits.size();
  return whole ? std::optional{number} : std::nullopt;
}

} // namespace

std::optional<std::chrono::seconds> prefer_wait(std::string_view prefer, std::chrono::seconds most) {
  while (!prefer.empty()) {
    std::string_view preference = next_part(prefer, ',');
    const std::string_view name = next_part(preference, '=');
    if (!equal_ignoring_case(name, "wait")) {
      continue;
    }
    const std::string_view digits = next_part(preference, ';');
    std::uint32_t seconds = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (failure == std::errc{} && end == digits.data() + digits.size()) {
      return std::min(most, std::chrono::seconds{seconds});
    }
  }
  return std::nullopt;
}

model::Result<std::string> idempotency_key(std::string_view field) {
  field = trim(field);
  std::string key;
  const bool quoted = field.size() >= 2 && field.front() == '"' && field.back() == '"';
  const std::string_view text = quoted ? field.substr(1, field.size() - 2) : field;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\' && i + 1 < text.size()) {
      ++i;
    }
    key += text[i];
  }
  const bool printable = std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!printable || key.size() > model::idempotency_key_bytes_max || key.empty()) {
    return model::Error{
        model::Errc::malformed,
        fmt::format("Idempotency-Key must have 1 to {} printable ASCII characters", model::idempotency_key_bytes_max), ""};
  }
  return key;
}

model::Result<model::FencingToken> if_match(std::string_view field) {
  if (field.empty()) {
    return model::Error{model::Errc::precondition_required,
                        "say in If-Match which fencing token this is for: the ETag of the answer that granted the hold", ""};
  }
  const auto token = quoted_number(field);
  if (!token) {
    return model::Error{model::Errc::malformed, "If-Match must be one fencing token in quotes, like \"1099511627779\"", ""};
  }
  return model::FencingToken{*token};
}

model::Result<std::optional<std::uint64_t>> if_match_revision(std::string_view field) {
  if (field.empty()) {
    return std::optional<std::uint64_t>{};
  }
  const auto revision = quoted_number(field);
  if (!revision) {
    return model::Error{model::Errc::malformed, "If-Match must be one revision in quotes, as ETag gave it, like \"7\"", ""};
  }
  return revision;
}

std::string traceparent(std::string_view field) {
  return model::carried_traceparent(trim(field)).value_or("");
}

bool is_json(std::string_view content_type) {
  if (!equal_ignoring_case(next_part(content_type, ';'), "application/json")) {
    return false;
  }
  while (!content_type.empty()) {
    std::string_view parameter = next_part(content_type, ';');
    const std::string_view name = next_part(parameter, '=');
    const std::string_view value = trim(parameter);
    const bool utf8 = equal_ignoring_case(value, "utf-8") || equal_ignoring_case(value, "\"utf-8\"");
    if (!equal_ignoring_case(name, "charset") || !utf8) {
      return false;
    }
  }
  return true;
}

} // namespace turnwise::api
