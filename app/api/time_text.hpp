// app/api translates between the words of the HTTP API and those of the model. This file: durations and moments as text.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "model/clock.hpp"

namespace turnwise::api {

using model::WallTime;
using std::chrono::milliseconds;

/// Longest duration that is understood.
inline constexpr milliseconds duration_max{std::chrono::hours{24 * 366 * 100}};
/// What a duration may look like, for error texts.
inline constexpr std::string_view duration_form = R"(a duration like "10s", "1500ms", "5m", "1h", "2d" or "PT10S")";
/// What a moment may look like, for error texts.
inline constexpr std::string_view time_form = R"(a time like "2031-05-04T10:30:00Z" (RFC 3339))";

/// A whole number and a unit (`ms`, `s`, `m`, `h`, `d`), or ISO 8601 with days, hours, minutes and seconds. Fractions of a
/// second to the millisecond in ISO 8601 only. Nothing when the text is neither, or longer than duration_max.
std::optional<milliseconds> parse_duration(std::string_view text);
/// In the largest unit that divides it: "90s", "2m", "1500ms".
std::string to_text(milliseconds duration);
/// For people, rounded to what they care about: "12 s", "3 min", "2 h", "5 days".
std::string for_people(milliseconds duration);

/// RFC 3339 with any offset, digits past microseconds cut. Nothing when the text is no such moment.
std::optional<WallTime> parse_time(std::string_view text);
/// "2031-05-04T10:30:00.123456Z".
std::string to_text(WallTime moment);

} // namespace turnwise::api
