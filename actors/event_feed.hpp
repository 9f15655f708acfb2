// What happens on this node, for those who watch: the last few thousand events in a ring, from which each watcher reads at its
// own pace. Whoever is slower than the ring is told that something is missing; nobody slows the node down.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.hpp"
#include "model/job_id.hpp"

namespace turnwise::actors {

/// Something durable that happened to an entry.
struct Event {
  std::uint64_t number{}; ///< from 1, without a gap; given by the feed
  model::WallTime at;
  std::string_view name; ///< as in the journal: "started"; lives as long as the program
  model::JobId entry;
  std::string subject;
  std::string kind; ///< empty when it is no job
};

/// Which events a watcher wants; what is empty, any.
struct EventFilter {
  std::string subject;
  std::string kind;
  [[nodiscard]] bool matches(const Event& event) const {
    return (subject.empty() || subject == event.subject) && (kind.empty() || kind == event.kind);
  }
};

/// What a watcher has not seen yet.
struct EventBatch {
  std::vector<std::shared_ptr<const Event>> events;
  std::uint64_t next{}; ///< where to go on
  bool has_gap{};       ///< events before these are lost to this watcher
};

/// Thread-safe.
class EventFeed {
public:
  static constexpr std::size_t kept_max = 10'000;
  static constexpr std::size_t watchers_max = 200;
  /// A watcher that comes back within this time finds what happened meanwhile.
  static constexpr std::chrono::seconds kept_after_last_watcher{60};

  /// Whether events are worth making: somebody watches, or did a moment ago. Cheap.
  [[nodiscard]] bool is_wanted() const { return wanted_.load(std::memory_order_relaxed); }
  void publish(Event event);

  /// One that watches, until it is destroyed.
  class Watcher {
  public:
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    /// The next events that match, at most `max`; those after the number `after`.
    EventBatch read(std::uint64_t after, const EventFilter& filter, std::size_t max) const;
    /// Calls `wake` once, from any thread, when there is an event after the number `after`: at once if there is already. One
    /// wish at a time; a new one replaces it, and an empty one takes it back. `wake` must not block nor call the feed.
    void wake_after(std::uint64_t after, std::function<void()> wake);

  private:
    friend class EventFeed;
    Watcher(EventFeed& feed, std::uint64_t id) : feed_(feed), id_(id) {}
    EventFeed& feed_;
    std::uint64_t id_;
  };

  /// Null when as many watch as may. The feed outlives its watchers.
  std::unique_ptr<Watcher> watch();
  /// The number of the newest event; one that never was is 0.
  [[nodiscard]] std::uint64_t newest() const;

private:
  void leave(std::uint64_t id);

  std::atomic<bool> wanted_{};
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Event>> kept_; ///< the newest, with numbers without a gap
  std::uint64_t newest_{};
  std::uint64_t next_watcher_{1};
  std::map<std::uint64_t, std::function<void()>> watchers_; ///< each with its wish, if it has one
  std::optional<model::MonoTime> alone_since_;              ///< when the last watcher left
};

} // namespace turnwise::actors
