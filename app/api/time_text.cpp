#include "app/api/time_text.hpp"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace turnwise::api {
namespace {

using std::chrono::days;
using std::chrono::duration_cast;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes texts apart from the left.
class Scanner {
public:
  explicit Scanner(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const { return text_.empty(); }

  bool take(char expected) {
    if (text_.empty() || text_.front() != expected) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }
  bool take_either(char one, char other) { return take(one) || take(other); }

  /// Digits, `least` to `most` of them; most ≤ 18, so that the number fits.
  std::optional<std::int64_t> digits(std::size_t least, std::size_t most) {
    std::size_t count = 0;
    while (count < text_.size() && count < most && text_[count] >= '0' && text_[count] <= '9') {
      ++count;
    }
    if (count < least) {
      return std::nullopt;
    }
    std::int64_t value = 0;
    std::from_chars(text_.data(), text_.data() + count, value);
    text_.remove_prefix(count);
    return value;
  }

  /// ".123" as microseconds; more digits are cut. Zero when there is no fraction; nothing when it has no digits.
  std::optional<std::int64_t> fraction_micros() {
    if (!take('.')) {
      return 0;
    }
    std::int64_t value = 0;
    std::int64_t unit = 100'000;
    std::size_t count = 0;
    for (; count < text_.size() && text_[count] >= '0' && text_[count] <= '9'; ++count) {
      value += (text_[count] - '0') * unit;
      unit /= 10;
    }
    text_.remove_prefix(count);
    return count == 0 ? std::nullopt : std::optional{value};
  }

  [[nodiscard]] std::string_view rest() const { return text_; }

private:
  std::string_view text_;
};

constexpr std::size_t number_digits_max = 13; // a century in milliseconds has 13

std::optional<milliseconds> bounded(std::int64_t count, milliseconds unit) {
  if (count > duration_max / unit) {
    return std::nullopt;
  }
  return count * unit;
}

std::optional<milliseconds> unit_of(std::string_view name) {
  if (name == "ms") {
    return milliseconds{1};
  }
  if (name == "s") {
    return seconds{1};
  }
  if (name == "m") {
    return minutes{1};
  }
  if (name == "h") {
    return hours{1};
  }
  if (name == "d") {
    return days{1};
  }
  return std::nullopt;
}

/// The part of an ISO 8601 duration after `P`: components in this order, each at most once, at least one.
std::optional<milliseconds> parse_iso(Scanner in) {
  struct Component {
    char letter;
    milliseconds unit;
    bool of_time;
  };
  static constexpr std::array<Component, 4> components{
      {{'D', days{1}, false}, {'H', hours{1}, true}, {'M', minutes{1}, true}, {'S', seconds{1}, true}}};

  milliseconds total{0};
  bool in_time = false;
  bool any = false;
  std::size_t next = 0;
  while (!in.done()) {
    if (!in_time && in.take('T')) {
      in_time = true;
      any = false; // "P1DT" is not complete
      continue;
    }
    const auto count = in.digits(1, number_digits_max);
    const auto micros = count ? in.fraction_micros() : std::nullopt;
    if (!micros) {
      return std::nullopt;
    }
    while (next < components.size() &&
           (components[next].of_time != in_time || in.rest().substr(0, 1) != std::string_view{&components[next].letter, 1})) {
      ++next;
    }
    if (next == components.size() || (*micros != 0 && components[next].letter != 'S')) {
      return std::nullopt;
    }
    in.take(components[next].letter);
    const auto part = bounded(*count, components[next].unit);
    if (!part) {
      return std::nullopt;
    }
    total += *part + milliseconds{*micros / 1'000};
    any = true;
    ++next;
  }
  return any && total <= duration_max ? std::optional{total} : std::nullopt;
}

/// "+02:00", "-00:30" or "Z" as minutes east.
std::optional<minutes> parse_offset(Scanner& in) {
  if (in.take_either('Z', 'z')) {
    return minutes{0};
  }
  const bool east = in.take('+');
  if (!east && !in.take('-')) {
    return std::nullopt;
  }
  const auto hour = in.digits(2, 2);
  const auto minute = hour && in.take(':') ? in.digits(2, 2) : std::nullopt;
  if (!minute || *hour > 23 || *minute > 59) {
    return std::nullopt;
  }
  const minutes offset{*hour * 60 + *minute};
  return east ? offset : -offset;
}

std::optional<std::chrono::sys_days> parse_date(Scanner& in) {
  const auto year = in.digits(4, 4);
  const auto month = year && in.take('-') ? in.digits(2, 2) : std::nullopt;
  const auto day = month && in.take('-') ? in.digits(2, 2) : std::nullopt;
  if (!day) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  return date.ok() ? std::optional{std::chrono::sys_days{date}} : std::nullopt;
}

std::optional<microseconds> parse_time_of_day(Scanner& in) {
  const auto hour = in.digits(2, 2);
  const auto minute = hour && in.take(':') ? in.digits(2, 2) : std::nullopt;
  const auto second = minute && in.take(':') ? in.digits(2, 2) : std::nullopt;
  const auto micros = second ? in.fraction_micros() : std::nullopt;
  if (!micros || *hour > 23 || *minute > 59 || *second > 60) { // 60: a leap second, told as the second after it
    return std::nullopt;
  }
  return hours{*hour} + minutes{*minute} + seconds{*second} + microseconds{*micros};
}

} // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  Scanner in(text);
  if (in.take('P')) {
    return parse_iso(in);
  }
  const auto count = in.digits(1, number_digits_max);
  const auto unit = count ? unit_of(in.rest()) : std::nullopt;
  return unit ? bounded(*count, *unit) : std::nullopt;
}

std::string to_text(milliseconds duration) {
  const auto count = duration.count();
  if (count == 0 || count % 1'000 != 0) {
    return count == 0 ? "0s" : fmt::format("{}ms", count);
  }
  if (count % 3'600'000 == 0) {
    return fmt::format("{}h", count / 3'600'000);
  }
  if (count % 60'000 == 0) {
    return fmt::format("{}m", count / 60'000);
  }
  return fmt::format("{}s", count / 1'000);
}

std::string for_people(milliseconds duration) {
  const auto count = std::max<std::int64_t>(duration.count(), 0);
  if (count < 1'000) {
    return fmt::format("{} ms", count);
  }
  if (count < 120'000) {
    return fmt::format("{} s", count / 1'000);
  }
  if (count < 7'200'000) {
    return fmt::format("{} min", count / 60'000);
  }
  if (count < 172'800'000) {
    return fmt::format("{} h", count / 3'600'000);
  }
  return fmt::format("{} days", count / 86'400'000);
}

std::optional<WallTime> parse_time(std::string_view text) {
  Scanner in(text);
  const auto date = parse_date(in);
  const bool separated = date && (in.take_either('T', 't') || in.take(' '));
  const auto time = separated ? parse_time_of_day(in) : std::nullopt;
  const auto offset = time ? parse_offset(in) : std::nullopt;
  if (!offset || !in.done()) {
    return std::nullopt;
  }
  return WallTime{*date} + *time - *offset;
}

std::string to_text(WallTime moment) {
  const auto day = std::chrono::floor<days>(moment);
  const std::chrono::year_month_day date{day};
  const auto time = moment - day;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), duration_cast<hours>(time).count(),
                     duration_cast<minutes>(time).count() % 60, duration_cast<seconds>(time).count() % 60,
                     time.count() % 1'000'000);
}

} // namespace turnwise::api
