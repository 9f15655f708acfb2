// The two clocks of Turnwise. Wall time is PostgreSQL's, as the last beat told it; leases never use it.
#pragma once

#include <chrono>

namespace turnwise::model {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// PostgreSQL's clock: for people, for run_at, retry_at and expires_at.
using WallTime = std::chrono::sys_time<microseconds>;

/// This machine's monotonic clock, which goes on while the machine is suspended: for leases and timers.
struct BootClock {
  using duration = microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};
using MonoTime = BootClock::time_point;

/// One moment on both clocks, taken once per command.
struct Now {
  WallTime wall;
  MonoTime mono;

  /// When a moment of PostgreSQL's clock comes on ours.
  [[nodiscard]] MonoTime at(WallTime moment) const { return mono + (moment - wall); }
};

} // namespace turnwise::model
