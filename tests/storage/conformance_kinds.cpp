// Settings of kinds: changed one at a time, read whole, missed by nobody.
#include <atomic>
#include <set>
#include <thread>

#include "model/limits.hpp"
#include "tests/storage/backend.hpp"

namespace turnwise::storage {
namespace {

using namespace std::chrono_literals;

model::KindSettings all_settings() {
  model::KindSettings settings;
  settings.defaults.max_attempts = 3;
  settings.defaults.backoff = model::Backoff{1'500ms, 1.1, 90s, model::Jitter::none};
  settings.defaults.on_failure = model::OnFailure::halt;
  settings.defaults.timeout = 5min;
  settings.defaults.lease = 10s;
  settings.concurrency = 7;
  settings.push = model::PushSettings{
      "https://example.com/a?b=\"c\"",
      20s,
      {{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", {}},
       {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", model::WallTime{std::chrono::microseconds{1'767'268'800'123'456}}}}};
  return settings;
}

model::KindSettings limited_to(std::uint32_t concurrency) {
  model::KindSettings settings;
  settings.concurrency = concurrency;
  return settings;
}

model::Kind change(Ownership& ownership, const std::string& kind, decltype(model::KindChange::what) what) {
  const auto changed = ownership.change_kind({kind, std::move(what)});
  REQUIRE(changed.ok());
  return *changed;
}

Kinds read(Ownership& ownership, std::uint64_t since = 0) {
  const auto kinds = ownership.kinds_since(since);
  REQUIRE(kinds.ok());
  REQUIRE(kinds->has_value());
  return **kinds;
}

CONFORMANCE("a kind is read back with everything that was set for it") {
  const auto ownership = backend.store->open_ownership();
  const auto stored = change(*ownership, "build \"coverage\"", model::PutKind{all_settings(), {}});
  CHECK(stored.settings == all_settings());
  CHECK(stored.revision > 0);
  const auto paused = change(*ownership, "build \"coverage\"", model::PauseKind{"ann", "incident 7"});
  CHECK(paused.settings == all_settings());
  CHECK(paused.revision > stored.revision);
  REQUIRE(paused.pause);
  CHECK(paused.pause->by == "ann");
  CHECK(paused.pause->why == "incident 7");
  const auto elsewhere = backend.store->open_ownership();
  const auto kinds = read(*elsewhere);
  CHECK(kinds.revision == paused.revision);
  REQUIRE(kinds.kinds.size() == 1);
  CHECK(kinds.kinds.front() == paused);
  const auto resumed = change(*elsewhere, "build \"coverage\"", model::ResumeKind{"bob"});
  CHECK_FALSE(resumed.pause);
  CHECK(resumed.settings == all_settings());
}

CONFORMANCE("settings are replaced whole, and a pause stays") {
  const auto ownership = backend.store->open_ownership();
  change(*ownership, "build", model::PutKind{all_settings(), {}});
  change(*ownership, "build", model::PauseKind{"ann", "why"});
  const auto replaced = change(*ownership, "build", model::PutKind{limited_to(2), {}});
  CHECK(replaced.settings == limited_to(2));
  CHECK(replaced.pause);
}

CONFORMANCE("who knows the newest revision is told of nothing, and a change that changes nothing makes none") {
  const auto ownership = backend.store->open_ownership();
  CHECK_FALSE(ownership->kinds_since(0)->has_value());
  const auto first = change(*ownership, "build", model::PutKind{limited_to(2), {}});
  CHECK(change(*ownership, "build", model::PutKind{limited_to(2), {}}) == first);
  CHECK(change(*ownership, "other", model::ResumeKind{"ann"}).revision == 0);
  CHECK_FALSE(ownership->kinds_since(first.revision)->has_value());
}

CONFORMANCE("a change for a revision that has passed is refused, and changes nothing") {
  const auto ownership = backend.store->open_ownership();
  const auto first = change(*ownership, "build", model::PutKind{limited_to(2), 0});
  const auto second = change(*ownership, "build", model::PutKind{limited_to(3), first.revision});
  const auto late = ownership->change_kind({"build", model::PutKind{limited_to(4), first.revision}});
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().code == model::Errc::stale_revision);
  CHECK(read(*ownership).kinds.front() == second);
}

CONFORMANCE("a kind that everything was taken back of is forgotten, and its readers learn so") {
  const auto ownership = backend.store->open_ownership();
  const auto set = change(*ownership, "build", model::PutKind{limited_to(2), {}});
  CHECK(change(*ownership, "build", model::PutKind{{}, {}}).revision == 0);
  const auto after = read(*ownership, set.revision);
  CHECK(after.kinds.empty());
  CHECK(after.revision > set.revision);
}

CONFORMANCE("as many kinds have settings as may, and then no other; one that is taken back makes room") {
  const auto ownership = backend.store->open_ownership();
  for (std::uint32_t i = 0; i < model::kinds_with_settings_max; ++i) {
    change(*ownership, "kind" + std::to_string(i), model::PutKind{limited_to(2), {}});
  }
  const auto refused = ownership->change_kind({"one more", model::PauseKind{"ann", "why"}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == model::Errc::backlog_full);
  change(*ownership, "kind7", model::PauseKind{"ann", "why"}); // it has settings already
  change(*ownership, "kind9", model::PutKind{{}, {}});
  change(*ownership, "one more", model::PauseKind{"ann", "why"});
}

CONFORMANCE("no change is missed by who reads while many are made at once") {
  constexpr int writers = 4;
  constexpr int changes = 30;
  std::atomic<int> at_work{writers};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      const auto ownership = backend.store->open_ownership();
      for (int i = 0; i < changes; ++i) {
        const auto name = "kind" + std::to_string(writer * changes + i);
        static_cast<void>(ownership->change_kind({name, model::PutKind{limited_to(1), {}}}));
      }
      --at_work;
    });
  }
  const auto reader = backend.store->open_ownership();
  std::uint64_t seen = 0;
  std::set<std::uint64_t> revisions; // as they became visible
  bool is_in_order = true;
  for (bool last = false; !last;) {
    last = at_work == 0;
    const auto kinds = reader->kinds_since(seen);
    if (!kinds.ok() || !kinds->has_value()) {
      continue;
    }
    for (const auto& kind : (*kinds)->kinds) {
      is_in_order = is_in_order && (kind.revision > seen || revisions.contains(kind.revision));
      revisions.insert(kind.revision);
    }
    is_in_order = is_in_order && revisions.size() == (*kinds)->revision; // none in between is still to come
    seen = (*kinds)->revision;
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(is_in_order);
  CHECK(seen == writers * changes);
}

} // namespace
} // namespace turnwise::storage
