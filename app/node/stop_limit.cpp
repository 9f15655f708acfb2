#include "app/node/stop_limit.hpp"

#include <condition_variable>
#include <mutex>

namespace turnwise::node {

void StopLimit::begin(std::chrono::milliseconds limit) {
  thread_ = std::jthread([this, limit](const std::stop_token& released) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, released, limit, [] { return false; });
    if (!released.stop_requested()) {
      on_late_();
    }
  });
}

} // namespace turnwise::node
