// The one place that asks the machine for its monotonic time.
#include "model/clock.hpp"

#include <ctime>

namespace turnwise::model {

BootClock::time_point BootClock::now() noexcept {
  timespec moment{};
  clock_gettime(CLOCK_BOOTTIME, &moment); // cannot fail: the clock exists and the address is ours
  return time_point{std::chrono::seconds{moment.tv_sec} +
                    std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds{moment.tv_nsec})};
}

} // namespace turnwise::model
