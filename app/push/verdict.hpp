// What the answer to a push means for its job.
//
//   status               meaning
//   2xx but 202          done; the body is the result if it is JSON, else it becomes a JSON string
//   202                  the receiver goes on by itself, and completes or fails the attempt through the API
//   410                  nobody wants jobs of this kind any more: the kind is paused, the attempt given back unused
//   429, 503 with Retry-After   not now: the attempt is given back unused, for that long
//   408, 425, 429        failed; tried again as the job's policy says
//   other 4xx            failed, and another attempt would fail as well
//   3xx, 5xx, no answer  failed; tried again as the job's policy says
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "app/push/delivery.hpp"
#include "model/limits.hpp"

namespace turnwise::push {

/// What is read of an answer; a success with more than that is still one, and its result is cut.
inline constexpr std::size_t answer_bytes_max = model::result_bytes_max;
/// What is waited for at most when a receiver says so.
inline constexpr milliseconds retry_after_max{std::chrono::hours{24}};

struct Response {
  int status{};
  std::string retry_after; ///< the field of that name, or empty
  std::string body;        ///< answer_bytes_max at most, and one byte more when it was cut
};

Outcome outcome_of(const Response& response);

/// Seconds, or a date (RFC 9110, 10.2.3), as a wait from now: at least a second, at most retry_after_max. Nothing when it is
/// neither.
std::optional<milliseconds> parse_retry_after(std::string_view field, std::int64_t now_seconds);

} // namespace turnwise::push
