#include "app/push/verdict.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

#include <curl/curl.h>
#include <fmt/format.h>

#include "app/text.hpp"
#include "model/subject.hpp"

namespace turnwise::push {
namespace {

using handlers::GiveUp;
using handlers::RetryLater;
using handlers::Success;

constexpr std::size_t quoted_bytes_max = 512;
constexpr std::int64_t retry_after_seconds_max = retry_after_max / std::chrono::seconds{1};

/// The status, and how the answer goes on, for people.
std::string in_words(const Response& response) {
  const auto body = trim(response.body, " \t\r\n");
  const auto line = body.substr(0, std::min(body.find_first_of("\r\n"), quoted_bytes_max));
  return fmt::format("answered {}{}{}", response.status, line.empty() ? "" : ": ", model::to_utf8(line, quoted_bytes_max));
}

} // namespace

Outcome outcome_of(const Response& response) {
  const int status = response.status;
  const bool is_busy = status == 429 || status == 503;
  if (status == 202) {
    return HandedOver{};
  }
  if (status / 100 == 2) {
    return Success{response.body};
  }
  if (status == 410) {
    return Gone{in_words(response)};
  }
  if (const auto after = is_busy ? parse_retry_after(response.retry_after, std::time(nullptr)) : std::nullopt) {
    return Later{*after, in_words(response)};
  }
  if (status / 100 == 4 && status != 408 && status != 425 && status != 429) {
    return GiveUp{in_words(response)};
  }
  return RetryLater{in_words(response) + (status / 100 == 3 ? " (a push follows no redirect)" : "")};
}

std::optional<milliseconds> parse_retry_after(std::string_view field, std::int64_t now_seconds) {
  const auto text = trim(field);
  std::int64_t seconds = 0;
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
    if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec != std::errc{}) {
      seconds = retry_after_seconds_max; // more than a number holds
    }
  } else {
    const auto date = curl_getdate(std::string{text}.c_str(), nullptr);
    if (date < 0) {
      return std::nullopt;
    }
    seconds = date - now_seconds;
  }
  return std::chrono::seconds{std::clamp(seconds, std::int64_t{1}, retry_after_seconds_max)};
}

} // namespace turnwise::push
