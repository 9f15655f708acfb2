// Source: W3C Trace Context, Recommendation of 23 November 2021, section 3.2.
#include "model/traceparent.hpp"

#include <algorithm>
#include <array>

namespace turnwise::model {
namespace {

struct Part {
  std::size_t begin{};
  std::size_t length{};
};
constexpr Part version{0, 2};
constexpr Part trace_id{3, 32};
constexpr Part parent_id{36, 16};
constexpr Part flags{53, 2};
constexpr std::array dashes{std::size_t{2}, std::size_t{35}, std::size_t{52}};

std::string_view in(std::string_view text, Part part) {
  return text.substr(part.begin, part.length);
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; // capitals are not allowed
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

bool is_odd(char digit) {
  return std::string_view{"13579bdf"}.find(digit) != std::string_view::npos;
}

} // namespace

std::optional<std::string> carried_traceparent(std::string_view text) {
  if (text.size() < traceparent_bytes) {
    return std::nullopt;
  }
  const bool parts_fit =
      std::ranges::all_of(std::array{version, trace_id, parent_id, flags}, [&](Part part) { return is_hex(in(text, part)); }) &&
      std::ranges::all_of(dashes, [&](std::size_t place) { return text[place] == '-'; });
  // A later version may have more behind what this one has, after a dash.
  const bool ends_well = text.size() == traceparent_bytes || (in(text, version) != "00" && text[traceparent_bytes] == '-');
  if (!parts_fit || !ends_well || in(text, version) == "ff" || is_zero(in(text, trace_id)) || is_zero(in(text, parent_id))) {
    return std::nullopt;
  }
  std::string carried{text.substr(0, traceparent_bytes)};
  carried.replace(version.begin, version.length, "00");
  carried.replace(flags.begin, flags.length, is_odd(text[flags.begin + 1]) ? "01" : "00");
  return carried;
}

} // namespace turnwise::model
