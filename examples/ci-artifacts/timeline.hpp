// Who ran when, as a picture of characters.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace turnwise::ci_artifacts {

struct Span {
  std::string label;
  std::chrono::steady_clock::time_point submitted;
  std::chrono::steady_clock::time_point started;
  std::chrono::steady_clock::time_point ended;
};

/// One line per span: `.` while it waits, `#` while it runs, with a scale in milliseconds above. Everything that took place
/// has at least one character.
std::string draw_timeline(const std::vector<Span>& spans, std::size_t width = 64);

} // namespace turnwise::ci_artifacts
