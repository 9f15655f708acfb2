// The courier POSTs jobs to URLs: many at a time, by one thread, so that a push costs no thread and a target that does not
// answer costs nobody else anything. It decides nothing about a job: whoever gives it a delivery learns what came of it.
//
// Before it connects it looks the host up, once, and asks of every address whether a push may go there; if one may not, no
// connection is made and the outcome says `blocked_destination`. It then connects to these addresses and no others.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "app/push/delivery.hpp"
#include "app/push/lookup.hpp"
#include "app/push/transfer.hpp"
#include "model/clock.hpp"
#include "model/errors.hpp"

namespace turnwise::push {

struct CourierConfig {
  TransferSettings transfers;
  std::size_t under_way_max{256}; ///< deliveries that are looked up or transferred at a time; others wait
  std::size_t per_place_max{64};  ///< of them, to one host and port
  std::size_t lookup_threads{4};
  std::function<model::WallTime()> now; ///< for signatures; from the courier's thread. Empty: the system's clock
  Lookup lookup;                        ///< empty: as this machine is configured
};

class CourierLoop;

/// Threads: deliver() from any; start, stop and the end from one.
class Courier {
public:
  /// Called once per delivery, from the courier's thread; must not block.
  using Done = std::function<void(Outcome)>;

  /// Errc::internal when the system gives no more threads or libcurl cannot be used.
  static model::Result<std::unique_ptr<Courier>> start(CourierConfig config);
  /// As stop().
  ~Courier();

  /// @param stop  asked to stop, the transfer is broken off; its outcome is RetryLater then, unless the answer was there
  void deliver(Delivery delivery, std::stop_token stop, Done done);

  /// Breaks off all that is under way: each outcome is RetryLater, here and for later deliveries. Blocks a second at most
  /// beyond what `Done` takes; a lookup that hangs is left to itself on a detached thread.
  void stop();

private:
  explicit Courier(std::unique_ptr<CourierLoop> loop);

  const std::unique_ptr<CourierLoop> loop_;
  std::thread thread_;
};

} // namespace turnwise::push
