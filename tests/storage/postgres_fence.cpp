// The fence as PostgreSQL carries it out: once, first, and against a batch in flight. And that its absence would be noticed.
#include "tests/storage/blocked_append.hpp"

namespace turnwise::storage {
namespace {

constexpr ShardId shard{3};

/// Rows in the journal that somebody wrote who did not own the shard then: tried by a stranger at the right epoch and by the
/// former owner at its old one, while this mutant is armed.
std::size_t fencing_violations(Store& store, const std::string& mutant) {
  TestNode owner{store, "127.0.0.1:1"};
  TestNode other{store, "127.0.0.1:2"};
  const auto old = owner.acquire(shard);
  REQUIRE(owner.append({old}, {opening(old, 1)}).status == AppendStatus::committed);
  {
    const ScopedVariable armed{"TURNWISE_MUTANTS", mutant};
    other.append({old}, {opening(old, 2, "forbidden:1")});
  }
  REQUIRE(owner.ownership->release(owner.info.incarnation, std::vector{old}).ok());
  const auto held = other.acquire(shard);
  {
    const ScopedVariable armed{"TURNWISE_MUTANTS", mutant};
    owner.append({old}, {opening(old, 3, "forbidden:2")});
  }
  REQUIRE(other.append({held}, {opening(held, 1)}).status == AppendStatus::committed);

  std::size_t found = 0;
  const auto count = [&](Sequence, const model::Record& record) {
    const auto* job = std::get_if<model::Submitted>(&record.body);
    found += job != nullptr && job->subject.starts_with("forbidden") ? 1 : 0;
  };
  REQUIRE(owner.reader->replay(shard, count).ok());
  return found;
}

CONFORMANCE("nobody but the owner gets a row into the journal") {
  CHECK(fencing_violations(*backend.store, "") == 0);
}

CONFORMANCE("mutant M1, no fence, is noticed") {
  CHECK(fencing_violations(*backend.store, "M1") == 2);
}

CONFORMANCE("mutant M2, a fence that does not ask for the owner, is noticed") {
  CHECK(fencing_violations(*backend.store, "M2") == 1);
}

TEST_CASE("PostgreSQL: the fence is executed once for a batch, of whatever size", "[postgres]") {
  const auto backend = postgres_backend();
  backend.database->query(R"sql(
    CREATE SEQUENCE turnwise.fences;
    ALTER FUNCTION turnwise.fence RENAME TO real_fence;
    CREATE FUNCTION turnwise.fence(p_owner uuid, p_shards smallint[], p_epochs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM nextval('turnwise.fences');
      PERFORM turnwise.real_fence(p_owner, p_shards, p_epochs);
    END $$)sql");
  TestNode node{*backend.store};
  const auto here = node.acquire(shard);
  const auto there = node.acquire(ShardId{4});
  std::uint64_t n = 0;
  int batches = 0;
  for (const std::uint64_t size : {1U, 2U, 3'000U}) {
    std::vector<Row> rows;
    for (const auto end = n + size; n < end; ++n) {
      rows.push_back(opening(n % 2 == 0 ? here : there, n));
    }
    const auto result = node.append({here, there}, rows);
    INFO(result.error);
    REQUIRE(result.status == AppendStatus::committed);
    CHECK(std::stoi(backend.database->query("SELECT last_value FROM turnwise.fences")) == ++batches);
  }
}

TEST_CASE("PostgreSQL: a takeover waits for the batch in flight, and then its writer is fenced", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode before{*backend.store, "127.0.0.1:1"};
  const auto held = before.acquire(shard);
  const auto first = opening(held, 1);
  BlockedAppend append{*backend.database, before, held, first};

  auto takeover = std::async(std::launch::async, [&] { return TestNode{*backend.store, "127.0.0.1:1"}; });
  REQUIRE(eventually([&] { return append.waiting() == 2; })); // the second waits for the first

  append.let_go();
  CHECK(append.answer().status == AppendStatus::committed);
  auto after = takeover.get();
  CHECK(replayed(*after.reader, shard).size() == 1);
  CHECK(before.append({held}, {opening(held, 2)}).status == AppendStatus::fenced);
  const auto taken = after.acquire(shard);
  CHECK(after.append({taken}, {opening(taken, 1)}).status == AppendStatus::committed);
}

TEST_CASE("PostgreSQL: fences leave no dead rows behind", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  const auto held = node.acquire(shard);
  const auto size = [&] { return backend.database->query("SELECT pg_relation_size('turnwise.shard')"); };
  REQUIRE(node.append({held}, {opening(held, 0)}).status == AppendStatus::committed);
  const auto before = size();
  const auto place = backend.database->query("SELECT ctid FROM turnwise.shard WHERE shard_id = 3");
  for (std::uint64_t n = 1; n < 200; ++n) {
    REQUIRE(node.append({held}, {opening(held, n)}).status == AppendStatus::committed);
  }
  CHECK(size() == before);
  CHECK(backend.database->query("SELECT ctid FROM turnwise.shard WHERE shard_id = 3") == place);
}

} // namespace
} // namespace turnwise::storage
