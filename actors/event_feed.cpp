#include "actors/event_feed.hpp"

#include <algorithm>

namespace turnwise::actors {

void EventFeed::publish(Event event) {
  std::vector<std::function<void()>> wishes;
  {
    const std::scoped_lock lock(mutex_);
    if (alone_since_ && model::BootClock::now() - *alone_since_ > kept_after_last_watcher) {
      // Numbers go on, so whoever comes later sees that there is a gap.
      kept_.clear();
      alone_since_.reset();
      wanted_.store(false, std::memory_order_relaxed);
    }
    event.number = ++newest_;
    if (!is_wanted()) {
      return;
    }
    kept_.push_back(std::make_shared<const Event>(std::move(event)));
    if (kept_.size() > kept_max) {
      kept_.pop_front();
    }
    for (auto& [id, wish] : watchers_) {
      if (wish) {
        wishes.push_back(std::exchange(wish, nullptr));
      }
    }
  }
  for (const auto& wake : wishes) {
    wake();
  }
}

std::unique_ptr<EventFeed::Watcher> EventFeed::watch() {
  const std::scoped_lock lock(mutex_);
  if (watchers_.size() >= watchers_max) {
    return nullptr;
  }
  const auto id = next_watcher_++;
  watchers_.emplace(id, nullptr);
  alone_since_.reset();
  if (!wanted_.exchange(true, std::memory_order_relaxed)) {
    ++newest_; // what happened while nobody watched has no event: a gap, for whoever has seen earlier ones
  }
  return std::unique_ptr<Watcher>(new Watcher(*this, id));
}

std::uint64_t EventFeed::newest() const {
  const std::scoped_lock lock(mutex_);
  return newest_;
}

void EventFeed::leave(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  watchers_.erase(id);
  if (watchers_.empty()) {
    alone_since_ = model::BootClock::now();
  }
}

EventFeed::Watcher::~Watcher() {
  feed_.leave(id_);
}

EventBatch EventFeed::Watcher::read(std::uint64_t after, const EventFilter& filter, std::size_t max) const {
  const std::scoped_lock lock(feed_.mutex_);
  const auto& kept = feed_.kept_;
  const std::uint64_t first = kept.empty() ? feed_.newest_ + 1 : kept.front()->number;
  EventBatch batch{{}, std::max(after, first - 1), after + 1 < first};
  if (after > feed_.newest_) { // of another life of this node
    batch = {{}, first - 1, true};
  }
  while (batch.next < feed_.newest_ && batch.events.size() < max) {
    const auto& event = kept[batch.next + 1 - first];
    if (filter.matches(*event)) {
      batch.events.push_back(event);
    }
    ++batch.next;
  }
  return batch;
}

void EventFeed::Watcher::wake_after(std::uint64_t after, std::function<void()> wake) {
  {
    const std::scoped_lock lock(feed_.mutex_);
    if (!wake || feed_.newest_ <= after) {
      feed_.watchers_[id_] = std::move(wake);
      return;
    }
  }
  wake();
}

} // namespace turnwise::actors
