// The life of segments, by the same rules everywhere: they end, go out of use, and are dropped, and nothing open is lost.
#include <algorithm>

#include "tests/storage/backend.hpp"
#include "tests/storage/environment.hpp"
#include "tests/support/history.hpp"

namespace turnwise::storage {
namespace {

constexpr ShardId shard{3};
constexpr Retention at_once{.age_max = std::chrono::seconds{0}, .bytes_max = 0};

/// A node whose shards are all its own, and the segments under it.
struct Owner {
  explicit Owner(Backend& backend) : node(*backend.store) {
    for (std::uint16_t id = 0; id < shards_in_tests; ++id) {
      holdings.push_back(node.acquire(ShardId{id}));
    }
    here = holdings[shard.value()];
  }

  void append(const std::vector<Row>& rows) { REQUIRE(node.append({here}, rows).status == AppendStatus::committed); }

  std::uint64_t next_segment() {
    const auto segments = node.ownership->extend_journal({});
    REQUIRE(segments.ok());
    return segments->newest;
  }

  void advance(std::uint64_t segment) {
    REQUIRE(node.ownership->advance_replay(node.info.incarnation, holdings, segment).ok());
  }

  std::size_t drop(const Retention& retention = at_once) {
    const auto dropped = node.ownership->drop_segments(retention);
    REQUIRE(dropped.ok());
    return *dropped;
  }

  [[nodiscard]] EntryNumber entry(std::uint64_t n) const { return EntryNumber{number(here, n).value()}; }

  TestNode node;
  std::vector<Holding> holdings;
  Holding here;
};

/// A carried row of the n-th entry, which `opening` began.
Row carried(const Holding& holding, std::uint64_t n, std::uint64_t sequence, const std::string& payload) {
  model::Carried body;
  body.job = std::get<model::Submitted>(opening(holding, n, "artifact:1", "key").record.body);
  body.job.payload = payload;
  body.since = noon - std::chrono::hours{30};
  body.state = model::JobState::parked;
  body.attempt = model::Attempt{3};
  body.failures = 3;
  return row(holding, n, sequence, std::move(body));
}

CONFORMANCE("a segment ends by its rows, or by its age when it has rows worth it") {
  Owner owner{backend};
  const std::chrono::hours long_time{1};
  const auto newest = [&](const SegmentEnd& end) { return owner.node.ownership->extend_journal(end)->newest; };
  CHECK(newest({.rows_max = 3, .rows_min = 0, .age_max = std::chrono::seconds{0}}) == 1); // it has none
  owner.append({opening(owner.here, 1), opening(owner.here, 2), opening(owner.here, 3)});
  CHECK(newest({.rows_max = 3, .rows_min = 0, .age_max = long_time}) == 1);
  CHECK(newest({.rows_max = 3, .rows_min = 3, .age_max = std::chrono::seconds{0}}) == 1);
  CHECK(newest({.rows_max = 3, .rows_min = 2, .age_max = std::chrono::seconds{0}}) == 2);
  CHECK(newest({.rows_max = 3, .rows_min = 0, .age_max = std::chrono::seconds{0}}) == 2);
  owner.append({opening(owner.here, 4), opening(owner.here, 5)});
  CHECK(newest({.rows_max = 1, .rows_min = 1, .age_max = long_time}) == 3);
  CHECK(owner.node.ownership->extend_journal({.rows_max = 1, .rows_min = 1, .age_max = long_time})->count == 3);
}

CONFORMANCE("shards that lag behind are told with their first number in the newer segments") {
  Owner owner{backend};
  owner.append({opening(owner.here, 1)});
  owner.next_segment();
  owner.append({opening(owner.here, 5), opening(owner.here, 6)});
  REQUIRE(owner.next_segment() == 3);

  const auto behind = owner.node.ownership->laggards(owner.node.info.incarnation, 2);
  REQUIRE(behind.ok());
  REQUIRE(behind->size() == shards_in_tests);
  CHECK(std::ranges::find(*behind, shard, &Laggard::shard)->first == number(owner.here, 5));
  CHECK(std::ranges::find(*behind, ShardId{4}, &Laggard::shard)->first == Sequence{0});
  owner.advance(2);
  CHECK(owner.node.ownership->laggards(owner.node.info.incarnation, 2)->empty());
  CHECK(owner.node.ownership->laggards(owner.node.info.incarnation, 3)->size() == shards_in_tests);
  CHECK(owner.node.ownership->laggards(random_incarnation(), 3)->empty());
}

CONFORMANCE("a replay begins where it was moved to, and is moved by the owner alone, forward alone") {
  Owner owner{backend};
  owner.append({opening(owner.here, 1)});
  owner.next_segment();
  owner.append({opening(owner.here, 2)});
  const auto move = [&](Incarnation incarnation, const Holding& holding, std::uint64_t segment) {
    REQUIRE(owner.node.ownership->advance_replay(incarnation, std::vector{holding}, segment).ok());
    return replayed(*owner.node.reader, shard).size();
  };
  CHECK(owner.node.reader->replay(shard, [](auto, auto&&) {})->is_whole);
  CHECK(move(random_incarnation(), owner.here, 2) == 2);
  CHECK(move(owner.node.info.incarnation, {shard, Epoch{owner.here.epoch.value() + 1}}, 2) == 2);
  CHECK(move(owner.node.info.incarnation, owner.here, 2) == 1);
  CHECK_FALSE(owner.node.reader->replay(shard, [](auto, auto&&) {})->is_whole);
  CHECK(move(owner.node.info.incarnation, owner.here, 1) == 1);
}

CONFORMANCE("a segment is dropped when no replay begins with it and its time has come, never one of the newest two") {
  Owner owner{backend};
  owner.append({opening(owner.here, 1)});
  owner.next_segment();
  owner.append({opening(owner.here, 2)});
  owner.next_segment();
  owner.append({opening(owner.here, 3)});
  CHECK(owner.drop() == 0); // all replays begin with it

  owner.holdings.erase(owner.holdings.begin() + 9);
  owner.advance(2);
  CHECK(owner.drop() == 0); // that of one shard still does

  owner.holdings.push_back({ShardId{9}, owner.here.epoch});
  std::ranges::sort(owner.holdings);
  owner.advance(2);
  CHECK(owner.drop({.age_max = std::chrono::hours{1}, .bytes_max = 0}) == 0);
  CHECK(owner.drop({.age_max = std::chrono::hours{1}, .bytes_max = 1'000'000'000}) == 0);
  CHECK(tests::history_of(*owner.node.reader, shard, owner.entry(1))->size() == 1);
  CHECK(owner.drop({.age_max = std::chrono::hours{1}, .bytes_max = 1}) == 1); // the journal is too large
  CHECK(tests::history_of(*owner.node.reader, shard, owner.entry(1))->empty());

  owner.advance(3);
  CHECK(owner.drop() == 0); // 2 and 3 are the newest
  CHECK(tests::history_of(*owner.node.reader, shard, owner.entry(2))->size() == 1);
}

CONFORMANCE("an entry that outlived its segment is found by its carried row") {
  Owner owner{backend};
  owner.append({opening(owner.here, 1, "artifact:1", "key"), opening(owner.here, 2)});
  owner.next_segment();
  auto change = model::Replaced{};
  change.payload = "[3]";
  change.fingerprint = 77;
  owner.append({row(owner.here, 1, 4, model::Due{}), carried(owner.here, 1, 5, "[2]"), row(owner.here, 1, 6, change)});
  owner.next_segment();
  owner.append({opening(owner.here, 7)});
  owner.advance(2);
  REQUIRE(owner.drop() == 1);

  CHECK(tests::history_of(*owner.node.reader, shard, owner.entry(1))->size() == 3);
  CHECK(tests::history_of(*owner.node.reader, shard, owner.entry(2))->empty());
  const std::vector<std::pair<ShardId, EntryNumber>> wanted{{shard, owner.entry(1)}, {shard, owner.entry(2)}};
  const auto bodies = owner.node.reader->bodies(wanted);
  REQUIRE(bodies.ok());
  REQUIRE(bodies->size() == 1);
  CHECK(bodies->front().job.payload == "[3]");
  CHECK(bodies->front().since == noon - std::chrono::hours{30});
  CHECK(bodies->front().key_fingerprint == std::get<model::Submitted>(opening(owner.here, 1).record.body).fingerprint);

  const std::vector<KeyQuery> queries{{"artifact:1", "expire_build_artifacts", "key"}};
  const auto found_since = [&](std::chrono::hours ago) {
    return owner.node.reader->find_keys(shard, queries, noon - ago)->front().found;
  };
  CHECK(found_since(std::chrono::hours{31}));
  CHECK_FALSE(found_since(std::chrono::hours{29})); // it was used when the job was submitted, not when it was carried
}

#ifdef TURNWISE_TEST_HOOKS

CONFORMANCE("it is noticed when a segment is dropped one too early (M14)") {
  Owner owner{backend};
  owner.append({opening(owner.here, 1)});
  owner.next_segment();
  owner.append({carried(owner.here, 1, 2, "[2]")});
  owner.next_segment();
  owner.append({opening(owner.here, 3)});
  owner.next_segment();
  const auto open_after_the_drop = [&] {
    owner.advance(2);
    owner.drop();
    return replayed(*owner.node.reader, shard).size();
  };
  CHECK(open_after_the_drop() == 2);
  const ScopedVariable mutant{"TURNWISE_MUTANTS", "M14"};
  owner.node.ownership = backend.store->open_ownership();
  owner.advance(2);
  CHECK(owner.drop() == 1);
  CHECK(replayed(*owner.node.reader, shard).size() == 1); // the first entry is lost
}

#endif

} // namespace
} // namespace turnwise::storage
