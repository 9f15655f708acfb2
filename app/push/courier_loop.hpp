// The courier's thread: everything below is its own, but for the inbox.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include <curl/curl.h>

#include "app/handlers/worker_threads.hpp"
#include "app/push/courier.hpp"
#include "app/push/waiting_room.hpp"

namespace turnwise::push {

struct Wanted {
  Delivery delivery;
  std::stop_token stop;
  Courier::Done done;
};
struct BrokenOff {
  DeliveryId delivery;
};
struct LookedUp {
  std::string host;
  model::Result<std::vector<Address>> addresses;
};
struct EndAsked {};
using CourierEvent = std::variant<Wanted, BrokenOff, LookedUp, EndAsked>;

/// What other threads tell the courier's. Thread-safe; outlives the loop in the hands of lookups that hang.
class CourierInbox {
public:
  CourierInbox();
  /// @returns whether it will be read
  bool push(CourierEvent event);
  std::vector<CourierEvent> take();
  /// Later events are not taken. @returns those that nobody has read
  std::vector<CourierEvent> close();
  /// For the courier's thread alone, until close().
  [[nodiscard]] CURLM* multi() const { return multi_.get(); }

private:
  std::mutex mutex_;
  std::vector<CourierEvent> events_;
  bool closed_{};
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi_; ///< can be woken up by an event
};

class CourierLoop {
public:
  explicit CourierLoop(CourierConfig config);
  CourierLoop(const CourierLoop&) = delete;
  CourierLoop& operator=(const CourierLoop&) = delete;

  /// Until an EndAsked.
  void run();
  [[nodiscard]] CourierInbox& inbox() { return *inbox_; }

private:
  using StopCallback = std::stop_callback<std::function<void()>>;
  /// A delivery that has no outcome yet.
  struct Task {
    Wanted wanted;
    TargetUrl url;
    std::optional<model::MonoTime> deadline; ///< once it is on the way
    std::unique_ptr<Transfer> transfer;      ///< once its host is looked up
    std::unique_ptr<StopCallback> on_stop;
  };
  using Tasks = std::unordered_map<DeliveryId, Task>;

  void on(Wanted& event);
  void on(BrokenOff& event);
  void on(LookedUp& event);
  void on(EndAsked& event);
  void start_who_may();
  void look_up(Tasks::iterator task);
  void connect(Tasks::iterator task, const std::vector<Address>& addresses);
  [[nodiscard]] std::optional<std::string> refusal(const TargetUrl& url, const std::vector<Address>& addresses) const;
  void collect();
  void end_overdue();
  [[nodiscard]] int wait_ms() const;
  void end(Tasks::iterator task, Outcome outcome);

  const CourierConfig config_;
  const std::shared_ptr<CourierInbox> inbox_{std::make_shared<CourierInbox>()};
  CURLM* const multi_;
  WaitingRoom room_;
  Tasks tasks_;
  std::map<std::string, std::vector<DeliveryId>> lookups_; ///< under way: who waits for each host
  std::uint64_t last_id_{};
  bool ending_{};
  handlers::WorkerThreads lookup_threads_; ///< last: its threads begin when all else is there
};

} // namespace turnwise::push
