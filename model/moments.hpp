// Moments counted from another one, kept within what 64 bits of microseconds can hold.
#pragma once

#include <algorithm>
#include <chrono>

#include "model/clock.hpp"
#include "model/limits.hpp"

namespace turnwise::model {

/// The wait that a client may ask for: not negative, at most delay_max.
constexpr milliseconds bounded(milliseconds wait) {
  return std::clamp(wait, milliseconds{0}, delay_max);
}

/// When a lease that begins now is surely over for its worker, too, whose clock may be slower.
inline MonoTime lease_end(MonoTime now, milliseconds lease) {
  return now + std::chrono::round<microseconds>(bounded(lease) * (1.0 + clock_rate_bound));
}

/// When an attempt that began at `start` has surely run too long, also by its worker's clock: never, if it has no timeout.
inline MonoTime timeout_end(MonoTime start, milliseconds timeout) {
  return timeout.count() <= 0 ? MonoTime::max() : lease_end(start, timeout);
}

/// The longest lease that is surely over at `end` for a worker who counts it from `now`.
inline milliseconds longest_lease(MonoTime now, MonoTime end) {
  const auto left = std::chrono::duration<double, std::milli>(std::max(end - now, microseconds{0}));
  const auto near = std::chrono::round<milliseconds>(left / (1.0 + clock_rate_bound));
  return lease_end(now, near) <= end ? near : std::max(near - milliseconds{1}, milliseconds{0});
}

} // namespace turnwise::model
