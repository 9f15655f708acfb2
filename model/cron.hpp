// Times that come again, by a cron expression in the local time of a time zone. Pure: who knows time zones is asked by an
// interface.
//
//   minute hour day-of-month month day-of-week     "*/15 9-17 * * mon-fri", also @hourly @daily @weekly @monthly @yearly
//
// As in cron(8): a day matches by day-of-month or by day-of-week when both are restricted. When clocks change, too: an
// expression whose minute or hour begins with `*` follows the clock; any other happens once for each time it names: the first
// time when the clock shows it twice, and at the change when the clock skips it.
#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "model/clock.hpp"
#include "model/errors.hpp"

namespace turnwise::model {

/// What a clock on the wall shows, to the minute.
using LocalMinute = std::chrono::local_time<std::chrono::minutes>;

inline constexpr std::size_t cron_bytes_max = 128;

class CronExpression {
public:
  /// @returns malformed, with a sentence that says what would be right; also for times that never come, like 30 February
  static Result<CronExpression> parse(std::string_view text);

  [[nodiscard]] bool matches(LocalMinute time) const;
  /// The first time at or after `from`, if there is one within cron_horizon.
  [[nodiscard]] std::optional<LocalMinute> first_from(LocalMinute from) const;
  [[nodiscard]] bool follows_the_clock() const { return follows_the_clock_; }

private:
  [[nodiscard]] bool matches_day(std::chrono::local_days day) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_; ///< of the month, from 1
  std::bitset<13> months_;
  std::bitset<7> weekdays_; ///< from Sunday
  bool any_day_{};
  bool any_weekday_{};
  bool follows_the_clock_{};
};

/// Longer than any gap between two times of an expression: 29 February that is a certain weekday, or the years around 2100.
inline constexpr std::chrono::days cron_horizon{366 * 41};

/// A stretch of time in which a zone's distance from UTC does not change.
struct ZoneSpan {
  WallTime begin;
  WallTime end;                ///< the first moment that does not belong to it
  std::chrono::seconds offset; ///< local time is UTC plus this
};

class TimeZone {
public:
  virtual ~TimeZone() = default;
  /// The span that `moment` lies in.
  [[nodiscard]] virtual ZoneSpan span_at(WallTime moment) const = 0;
};

/// The first moment after `after` at which the expression's time has come, if there is one within cron_horizon.
std::optional<WallTime> next_time(const CronExpression& expression, const TimeZone& zone, WallTime after);

} // namespace turnwise::model
