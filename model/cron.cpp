#include "model/cron.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace turnwise::model {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/// One of the five, as it may be written.
struct Field {
  std::string_view name;
  unsigned first{};
  unsigned last{};
  const std::string_view* names{}; ///< of the values from `first` on, if they have any
  unsigned names_count{};
};
constexpr Field minute_field{"minute", 0, 59};
constexpr Field hour_field{"hour", 0, 23};
constexpr Field day_field{"day-of-month", 1, 31};
constexpr Field month_field{"month", 1, 12, month_names.data(), month_names.size()};
constexpr Field weekday_field{"day-of-week", 0, 7, weekday_names.data(), weekday_names.size()}; // 7 is Sunday, too

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> nicknames{{{"@hourly", "0 * * * *"},
                                                                                  {"@daily", "0 0 * * *"},
                                                                                  {"@midnight", "0 0 * * *"},
                                                                                  {"@weekly", "0 0 * * 0"},
                                                                                  {"@monthly", "0 0 1 * *"},
                                                                                  {"@yearly", "0 0 1 1 *"}}};

Error malformed(std::string detail) {
  return {Errc::malformed, std::move(detail), ""};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
}

/// A number or a name.
std::optional<unsigned> value_of(const Field& field, std::string_view text) {
  if (const auto value = number(text)) {
    return *value >= field.first && *value <= field.last ? value : std::nullopt;
  }
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (unsigned i = 0; i < field.names_count; ++i) {
    if (lower == field.names[i]) {
      return field.first + i;
    }
  }
  return std::nullopt;
}

/// Values first, first + step, … up to last.
struct Range {
  unsigned first{};
  unsigned last{};
  unsigned step{1};
};

/// `*`, `5`, `5-10`, and each with a `/step`.
std::optional<Range> range_of(const Field& field, std::string_view text) {
  Range range{field.first, field.last, 1};
  const auto parts = split(text, '/');
  if (parts.size() > 2) {
    return std::nullopt;
  }
  if (parts.size() == 2) {
    const auto step = number(parts[1]);
    if (!step || *step == 0 || *step > field.last) {
      return std::nullopt;
    }
    range.step = *step;
  }
  if (parts[0] == "*") {
    return range;
  }
  const auto ends = split(parts[0], '-');
  const auto first = value_of(field, ends[0]);
  const auto last = ends.size() == 2 ? value_of(field, ends[1]) : first;
  if (ends.size() > 2 || !first || !last || *first > *last || (ends.size() == 1 && parts.size() == 2)) {
    return std::nullopt;
  }
  range.first = *first;
  range.last = *last;
  return range;
}

template <std::size_t size>
Result<Done> read(const Field& field, std::string_view text, std::bitset<size>& values) {
  for (const auto part : split(text, ',')) {
    const auto range = range_of(field, part);
    if (!range) {
      return malformed("\"" + std::string{part} + "\" is no " + std::string{field.name} + ": right would be *, " +
                       std::to_string(field.first) + " to " + std::to_string(field.last) +
                       (field.names_count == 0 ? "" : " or a name like " + std::string{field.names[1]}) +
                       ", a range a-b, a step */n or a-b/n, or several of them separated by commas");
    }
    for (unsigned value = range->first; value <= range->last; value += range->step) {
      values.set(value % size); // of weekdays, 7 is 0
    }
  }
  return Done{};
}

/// To the minute, later rather than earlier.
LocalMinute local_at(WallTime moment, std::chrono::seconds offset) {
  return LocalMinute{std::chrono::ceil<minutes>(moment.time_since_epoch() + offset)};
}

WallTime wall_at(LocalMinute time, std::chrono::seconds offset) {
  return WallTime{time.time_since_epoch() - offset};
}

} // namespace

Result<CronExpression> CronExpression::parse(std::string_view text) {
  if (text.size() > cron_bytes_max) {
    return malformed("a cron expression has at most " + std::to_string(cron_bytes_max) + " bytes");
  }
  const auto* const nickname = std::ranges::find(nicknames, text, &std::pair<std::string_view, std::string_view>::first);
  auto fields = split(nickname == nicknames.end() ? text : nickname->second, ' ');
  std::erase(fields, "");
  if (fields.size() != 5) {
    return malformed(
        "a cron expression has five fields: minute hour day-of-month month day-of-week, like \"30 4 * * mon-fri\"; "
        "or it is one of @hourly @daily @weekly @monthly @yearly");
  }
  CronExpression parsed;
  for (const auto& done : {read(minute_field, fields[0], parsed.minutes_), read(hour_field, fields[1], parsed.hours_),
                           read(day_field, fields[2], parsed.days_), read(month_field, fields[3], parsed.months_),
                           read(weekday_field, fields[4], parsed.weekdays_)}) {
    if (!done) {
      return done.error();
    }
  }
  parsed.any_day_ = fields[2].starts_with('*');
  parsed.any_weekday_ = fields[4].starts_with('*');
  parsed.follows_the_clock_ = fields[0].starts_with('*') || fields[1].starts_with('*');
  if (!parsed.first_from(LocalMinute{})) {
    return malformed("the times of \"" + std::string{text} + "\" never come: no month has such a day");
  }
  return parsed;
}

bool CronExpression::matches_day(local_days day) const {
  const std::chrono::year_month_day date{day};
  if (!months_[static_cast<unsigned>(date.month())]) {
    return false;
  }
  const bool is_day = days_[static_cast<unsigned>(date.day())];
  const bool is_weekday = weekdays_[std::chrono::weekday{day}.c_encoding()];
  // As in cron(8): `*` does not restrict; of two restrictions one is enough.
  return any_day_ || any_weekday_ ? is_day && is_weekday : is_day || is_weekday;
}

bool CronExpression::matches(LocalMinute time) const {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::hh_mm_ss clock{time - day};
  return matches_day(day) && hours_[static_cast<std::size_t>(clock.hours().count())] &&
         minutes_[static_cast<std::size_t>(clock.minutes().count())];
}

std::optional<LocalMinute> CronExpression::first_from(LocalMinute from) const {
  const auto first_day = std::chrono::floor<days>(from);
  for (local_days day = first_day; day <= first_day + cron_horizon; day += days{1}) {
    if (!matches_day(day)) {
      continue;
    }
    LocalMinute time = day == first_day ? from : LocalMinute{day};
    while (time < day + days{1}) {
      const std::chrono::hh_mm_ss clock{time - day};
      if (!hours_[static_cast<std::size_t>(clock.hours().count())]) {
        time = std::chrono::floor<hours>(time) + hours{1};
      } else if (!minutes_[static_cast<std::size_t>(clock.minutes().count())]) {
        time += minutes{1};
      } else {
        return time;
      }
    }
  }
  return std::nullopt;
}

std::optional<WallTime> next_time(const CronExpression& expression, const TimeZone& zone, WallTime after) {
  const WallTime end = after + cron_horizon;
  for (WallTime from = after + microseconds{1}; from < end;) {
    const ZoneSpan span = zone.span_at(from);
    LocalMinute local = local_at(from, span.offset);
    if (!expression.follows_the_clock() && span.begin > from - days{2}) {
      const auto before = zone.span_at(span.begin - microseconds{1}).offset;
      // What the clock skipped comes at the change; what it shows again has been.
      const auto skipped = expression.first_from(local_at(span.begin, before));
      if (from <= span.begin && skipped && *skipped < local_at(span.begin, span.offset)) {
        return span.begin;
      }
      local = std::max(local, local_at(span.begin, std::max(before, span.offset)));
    }
    const auto next = expression.first_from(local);
    if (!next) {
      return std::nullopt;
    }
    if (const WallTime moment = wall_at(*next, span.offset); moment < span.end) {
      return moment;
    }
    from = span.end;
  }
  return std::nullopt;
}

} // namespace turnwise::model
