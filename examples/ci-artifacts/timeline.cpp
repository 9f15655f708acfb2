#include "examples/ci-artifacts/timeline.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace turnwise::ci_artifacts {

namespace {

double milliseconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

} // namespace

std::string draw_timeline(const std::vector<Span>& spans, std::size_t width) {
  if (spans.empty()) {
    return {};
  }
  const auto begin = std::ranges::min(spans, {}, &Span::submitted).submitted;
  const auto end = std::ranges::max(spans, {}, &Span::ended).ended;
  const auto total = std::max(milliseconds_between(begin, end), 1e-6);
  const auto column = [&](auto moment) {
    return std::min(static_cast<std::size_t>(milliseconds_between(begin, moment) / total * static_cast<double>(width)),
                    width - 1);
  };
  std::size_t label_width{};
  for (const auto& span : spans) {
    label_width = std::max(label_width, span.label.size());
  }

  std::string text = fmt::format("{:{}}  0 ms{:>{}}\n", "", label_width, fmt::format("{:.0f} ms", total), width - 4);
  for (const auto& span : spans) {
    std::string line(width, ' ');
    std::fill(line.begin() + static_cast<std::ptrdiff_t>(column(span.submitted)),
              line.begin() + static_cast<std::ptrdiff_t>(column(span.started)), '.');
    std::fill(line.begin() + static_cast<std::ptrdiff_t>(column(span.started)),
              line.begin() + static_cast<std::ptrdiff_t>(column(span.ended)) + 1, '#');
    text += fmt::format("{:{}} |{}|\n", span.label, label_width, line);
  }
  return text;
}

} // namespace turnwise::ci_artifacts
