// Cron expressions, and what becomes of them when clocks change.
#include <catch2/catch_test_macros.hpp>

#include "model/cron.hpp"

namespace turnwise::model {

using namespace std::chrono_literals;
using namespace std::chrono;

namespace {

/// An hour ahead of UTC, two in summer: from 2027-03-28 to 2027-10-31, both at 01:00 UTC.
class Europe final : public TimeZone {
public:
  [[nodiscard]] ZoneSpan span_at(WallTime moment) const override {
    const WallTime spring = sys_days{2027y / March / 28} + 1h;
    const WallTime autumn = sys_days{2027y / October / 31} + 1h;
    if (moment < spring) {
      return {WallTime::min(), spring, 1h};
    }
    return moment < autumn ? ZoneSpan{spring, autumn, 2h} : ZoneSpan{autumn, WallTime::max(), 1h};
  }
};

class Utc final : public TimeZone {
public:
  [[nodiscard]] ZoneSpan span_at(WallTime) const override { return {WallTime::min(), WallTime::max(), 0s}; }
};

CronExpression cron(std::string_view text) {
  auto parsed = CronExpression::parse(text);
  INFO(text);
  REQUIRE(parsed.ok());
  return *parsed;
}

WallTime utc(year_month_day date, minutes clock = 0min) {
  return sys_days{date} + clock;
}

std::optional<WallTime> next(std::string_view text, WallTime after) {
  return next_time(cron(text), Utc{}, after);
}

/// The next times in Europe, as UTC.
std::vector<WallTime> times(std::string_view text, WallTime after, std::size_t count) {
  std::vector<WallTime> found;
  while (found.size() < count) {
    after = next_time(cron(text), Europe{}, after).value();
    found.push_back(after);
  }
  return found;
}

std::string fault(std::string_view text) {
  const auto parsed = CronExpression::parse(text);
  return parsed.ok() ? "none" : parsed.error().detail;
}

} // namespace

TEST_CASE("the next time of an expression is after the moment, not at it") {
  CHECK(next("0 12 * * *", utc(2027y / May / 3, 12h)) == utc(2027y / May / 4, 12h));
  CHECK(next("0 12 * * *", utc(2027y / May / 3, 12h) - 1us) == utc(2027y / May / 3, 12h));
  CHECK(next("* * * * *", utc(2027y / May / 3, 12h) + 30s) == utc(2027y / May / 3, 12h + 1min));
}

TEST_CASE("lists, ranges, steps and names say when") {
  CHECK(next("*/15 9-17 * * mon-fri", utc(2027y / May / 7, 17h + 45min)) == utc(2027y / May / 10, 9h)); // over the weekend
  CHECK(next("5,50 * * * *", utc(2027y / May / 7, 5min)) == utc(2027y / May / 7, 50min));
  CHECK(next("0 10-20/5 * * *", utc(2027y / May / 7, 15h)) == utc(2027y / May / 7, 20h));
  CHECK(next("0 0 1 JAN,jul *", utc(2027y / February / 1)) == utc(2027y / July / 1));
  CHECK(next("0 0 * * 7", utc(2027y / May / 3)) == utc(2027y / May / 9)); // Sunday, as 0 is
  CHECK(next("@weekly", utc(2027y / May / 3)) == utc(2027y / May / 9));
  CHECK(next("@hourly", utc(2027y / May / 3)) == utc(2027y / May / 3, 1h));
}

TEST_CASE("of a day of the month and a weekday one is enough when both are restricted") {
  CHECK(next("0 0 13 * fri", utc(2027y / May / 10)) == utc(2027y / May / 13)); // a Thursday
  CHECK(next("0 0 13 * fri", utc(2027y / May / 13)) == utc(2027y / May / 14)); // a Friday
  CHECK(next("0 0 13 * *", utc(2027y / May / 13)) == utc(2027y / June / 13));
}

TEST_CASE("days that are rare come in their year") {
  CHECK(next("0 0 29 2 *", utc(2027y / May / 3)) == utc(2028y / February / 29));
  CHECK(next("0 0 29 2 *", utc(2096y / May / 3)) == utc(2104y / February / 29)); // 2100 has none
  CHECK(next("0 0 31 * *", utc(2027y / May / 31)) == utc(2027y / July / 31));
}

TEST_CASE("a time that the clock skips comes at the change, once") {
  const auto change = utc(2027y / March / 28, 1h);
  CHECK(times("30 2 * * *", utc(2027y / March / 27, 12h), 2) == std::vector{change, utc(2027y / March / 29, 30min)});
  CHECK(times("15,45 2 * * *", utc(2027y / March / 27, 12h), 2) == std::vector{change, utc(2027y / March / 29, 15min)});
  // At the end of the gap the clock shows 3: that time is its own.
  CHECK(times("0 3 * * *", utc(2027y / March / 27, 12h), 2) == std::vector{change, utc(2027y / March / 29, 1h)});
}

TEST_CASE("a time that the clock shows twice comes the first time alone") {
  CHECK(times("30 2 * * *", utc(2027y / October / 30, 12h), 2) ==
        std::vector{utc(2027y / October / 31, 30min), utc(2027y / November / 1, 1h + 30min)});
  // Asked between the two, it has been.
  CHECK(times("30 2 * * *", utc(2027y / October / 31, 45min), 1).front() == utc(2027y / November / 1, 1h + 30min));
}

TEST_CASE("an expression that follows the clock goes on through its changes") {
  CHECK(times("30 * * * *", utc(2027y / March / 28, 0min), 2) ==
        std::vector{utc(2027y / March / 28, 30min), utc(2027y / March / 28, 1h + 30min)});
  CHECK(times("30 * * * *", utc(2027y / October / 31, 0min), 3) == std::vector{utc(2027y / October / 31, 30min),
                                                                               utc(2027y / October / 31, 1h + 30min),
                                                                               utc(2027y / October / 31, 2h + 30min)});
}

TEST_CASE("what is no cron expression is told what would be right") {
  CHECK(fault("0 12 * *").starts_with("a cron expression has five fields"));
  CHECK(fault("0 12 * * * *").starts_with("a cron expression has five fields"));
  CHECK(fault("@often").starts_with("a cron expression has five fields"));
  CHECK(fault("60 * * * *").starts_with("\"60\" is no minute"));
  CHECK(fault("0 25 * * *").starts_with("\"25\" is no hour"));
  CHECK(fault("0 0 0 * *").starts_with("\"0\" is no day-of-month"));
  CHECK(fault("0 0 * foo *").starts_with("\"foo\" is no month"));
  CHECK(fault("0 0 * * fri-mon").starts_with("\"fri-mon\" is no day-of-week"));
  CHECK(fault("*/0 * * * *").starts_with("\"*/0\" is no minute"));
  CHECK(fault("5/10 * * * *").starts_with("\"5/10\" is no minute"));
  CHECK(fault("1- * * * *").starts_with("\"1-\" is no minute"));
  CHECK(fault("1,, * * * *").starts_with("\"\" is no minute"));
  CHECK(fault("99999999999 * * * *").starts_with("\"99999999999\" is no minute"));
  CHECK(fault("0 0 30 2 *").ends_with("never come: no month has such a day"));
  CHECK(fault(std::string(200, '*')).ends_with("128 bytes"));
}

} // namespace turnwise::model
