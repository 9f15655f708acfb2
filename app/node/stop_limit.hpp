// An end to waiting for the end: a thread that waits for an answer of PostgreSQL cannot be woken, and PostgreSQL may be frozen.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace turnwise::node {

/// Nothing until begin(); lets go when it is destroyed.
class StopLimit {
public:
  /// @param on_late  called from a thread of its own when the limit is over; must end the process
  explicit StopLimit(std::function<void()> on_late) : on_late_(std::move(on_late)) {}
  StopLimit(const StopLimit&) = delete;
  StopLimit& operator=(const StopLimit&) = delete;

  /// From now on the limit runs. To be called once.
  void begin(std::chrono::milliseconds limit);

private:
  const std::function<void()> on_late_;
  std::jthread thread_; // asked to stop, and joined, at the end
};

} // namespace turnwise::node
