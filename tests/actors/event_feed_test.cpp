// The feed of events: what watchers read, miss and are woken by.
#include <catch2/catch_test_macros.hpp>

#include "actors/event_feed.hpp"

namespace turnwise::actors {
namespace {

Event event(std::string subject, std::string kind = "work") {
  return {.at = {}, .name = "started", .entry = {}, .subject = std::move(subject), .kind = std::move(kind)};
}

std::vector<std::string> subjects(const EventBatch& batch) {
  std::vector<std::string> found;
  for (const auto& one : batch.events) {
    found.push_back(one->subject);
  }
  return found;
}

using Subjects = std::vector<std::string>;

TEST_CASE("nobody makes events while nobody watches") {
  EventFeed feed;
  CHECK_FALSE(feed.is_wanted());
  const auto watcher = feed.watch();
  CHECK(feed.is_wanted());
}

TEST_CASE("a watcher reads what matches, in order, and goes on where it was") {
  EventFeed feed;
  const auto watcher = feed.watch();
  const auto start = feed.newest();
  for (const auto* subject : {"a:1", "b:1", "a:1", "a:2"}) {
    feed.publish(event(subject));
  }
  feed.publish(event("a:1", "other"));
  const auto first = watcher->read(start, {}, 2);
  CHECK(subjects(first) == Subjects{"a:1", "b:1"});
  CHECK(subjects(watcher->read(first.next, {}, 10)) == Subjects{"a:1", "a:2", "a:1"});
  const auto of_one = watcher->read(start, {.subject = "a:1", .kind = "work"}, 10);
  CHECK(subjects(of_one) == Subjects{"a:1", "a:1"});
  CHECK(of_one.next == feed.newest()); // what did not match has been seen as well
  CHECK_FALSE(of_one.has_gap);
}

TEST_CASE("a watcher that is slower than the ring is told that something is missing") {
  EventFeed feed;
  const auto watcher = feed.watch();
  const auto start = feed.newest();
  for (std::size_t i = 0; i < EventFeed::kept_max + 5; ++i) {
    feed.publish(event("a:1"));
  }
  const auto batch = watcher->read(start, {}, 3);
  CHECK(batch.has_gap);
  CHECK(batch.events.front()->number == start + 6);
  CHECK_FALSE(watcher->read(batch.next, {}, 3).has_gap);
}

TEST_CASE("a watcher that comes back soon finds what happened meanwhile") {
  EventFeed feed;
  auto watcher = feed.watch();
  const auto start = feed.newest();
  watcher.reset();
  feed.publish(event("a:1"));
  const auto batch = feed.watch()->read(start, {}, 3);
  CHECK(subjects(batch) == Subjects{"a:1"});
  CHECK_FALSE(batch.has_gap);
}

TEST_CASE("a number that this node has not given is a gap") {
  EventFeed feed;
  const auto watcher = feed.watch();
  feed.publish(event("a:1"));
  const auto batch = watcher->read(1'000'000, {}, 3);
  CHECK(batch.has_gap);
  CHECK(subjects(batch) == Subjects{"a:1"});
}

TEST_CASE("a watcher is woken once, at once if there is something already, and not after it took its wish back") {
  EventFeed feed;
  const auto watcher = feed.watch();
  int woken = 0;
  const auto wake = [&] { ++woken; };
  const auto start = feed.newest();
  watcher->wake_after(start, wake);
  CHECK(woken == 0);
  feed.publish(event("a:1"));
  feed.publish(event("a:1"));
  CHECK(woken == 1);
  watcher->wake_after(start, wake);
  CHECK(woken == 2);
  watcher->wake_after(feed.newest(), wake);
  watcher->wake_after(feed.newest(), {});
  feed.publish(event("a:1"));
  CHECK(woken == 2);
}

TEST_CASE("only so many may watch") {
  EventFeed feed;
  std::vector<std::unique_ptr<EventFeed::Watcher>> watchers;
  for (std::size_t i = 0; i < EventFeed::watchers_max; ++i) {
    watchers.push_back(feed.watch());
  }
  CHECK(feed.watch() == nullptr);
  watchers.pop_back();
  CHECK(feed.watch() != nullptr);
}

} // namespace
} // namespace turnwise::actors
