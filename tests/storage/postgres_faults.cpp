// What goes wrong between a node and PostgreSQL: connections cut in the middle, servers that crash, answers that are lost.
#include "tests/storage/blocked_append.hpp"
#include "tests/support/history.hpp"

#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"

namespace turnwise::storage {
namespace {

constexpr ShardId shard{3};

/// The drill after an unknown outcome, as a lane does it. @returns whether the row had been committed.
bool resolve(TestNode& node, Holding& holding, const Row& row) {
  const auto held = node.writer->reacquire(node.info.incarnation, std::vector{holding});
  REQUIRE(held.ok());
  REQUIRE(held->size() == 1);
  CHECK(held->front().epoch > holding.epoch);
  holding = held->front();
  const auto there = node.writer->contains(holding.shard, row.record.entry, row.sequence);
  REQUIRE(there.ok());
  return *there;
}

TEST_CASE("PostgreSQL: a session ended in the middle of an append leaves an outcome that the drill resolves", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  auto holding = node.acquire(shard);
  const auto lost = opening(holding, 1);
  BlockedAppend append{*backend.database, node, holding, lost};
  append.terminate();
  CHECK(append.answer().status == AppendStatus::unknown);
  append.let_go();

  CHECK_FALSE(resolve(node, holding, lost));
  CHECK(node.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
  CHECK(replayed(*node.reader, shard).size() == 1);
}

TEST_CASE("PostgreSQL: the drill waits for a transaction that is still in doubt", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  auto holding = node.acquire(shard);
  const auto doubtful = opening(holding, 1);
  BlockedAppend append{*backend.database, node, holding, doubtful};

  // The same node, on another connection, while the first transaction is still there.
  TestNode again{*backend.store, "127.0.0.1:2"};
  again.info = node.info;
  auto drill = std::async(std::launch::async, [&] { return resolve(again, holding, doubtful); });
  REQUIRE(eventually([&] { return append.waiting() == 2; }));
  append.let_go();
  CHECK(append.answer().status == AppendStatus::committed);
  CHECK(drill.get());
}

TEST_CASE("PostgreSQL: a lost answer to a committed append is found to be committed", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  auto holding = node.acquire(shard);
  const auto first = opening(holding, 1);
  {
    const ScopedVariable fault{"TURNWISE_FAILPOINTS", "lose-append-answer=error"};
    CHECK(node.append({holding}, {first}).status == AppendStatus::unknown);
  }
  CHECK(resolve(node, holding, first));
  CHECK(node.append({holding}, {opening(holding, 2)}).status == AppendStatus::committed);
  CHECK(replayed(*node.reader, shard).size() == 2);
}

TEST_CASE("PostgreSQL: an append that was lost on its way is found not to be there", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  auto holding = node.acquire(shard);
  const auto first = opening(holding, 1);
  {
    const ScopedVariable fault{"TURNWISE_FAILPOINTS", "lose-append=error"};
    CHECK(node.append({holding}, {first}).status == AppendStatus::unknown);
  }
  CHECK_FALSE(resolve(node, holding, first));
  CHECK(replayed(*node.reader, shard).empty());
}

TEST_CASE("PostgreSQL: a row that the server refuses leaves nothing, and the session goes on", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  auto bad = opening(holding, 2);
  bad.record.at = model::WallTime::min();
  const auto session = [&] {
    return backend.database->query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'INSERT%'");
  };
  REQUIRE(node.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
  const auto before = session();
  const auto result = node.append({holding}, {opening(holding, 3), bad});
  CHECK(result.status == AppendStatus::refused);
  CHECK(result.error.find("timestamp") != std::string::npos);
  CHECK(node.append({holding}, {opening(holding, 3)}).status == AppendStatus::committed);
  CHECK(session() == before);
  CHECK(replayed(*node.reader, shard).size() == 2);
}

TEST_CASE("PostgreSQL: sessions that end between two calls are replaced", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  auto holding = node.acquire(shard);
  const auto first = opening(holding, 1);
  REQUIRE(node.append({holding}, {first}).status == AppendStatus::committed);
  REQUIRE(replayed(*node.reader, shard).size() == 1);
  CHECK(backend.database->terminate_backends() == 3);

  // The loss is noticed by the next call; the one after it has a new session.
  CHECK(tests::history_of(*node.reader, shard, first.record.entry).error().code == model::Errc::unavailable);
  CHECK(tests::history_of(*node.reader, shard, first.record.entry)->size() == 1);
  CHECK(node.ownership->shards().error().code == model::Errc::unavailable);
  CHECK(node.ownership->shards().ok());
  const auto second = opening(holding, 2);
  CHECK(node.append({holding}, {second}).status == AppendStatus::unknown);
  CHECK_FALSE(resolve(node, holding, second));
  CHECK(node.append({holding}, {opening(holding, 2)}).status == AppendStatus::committed);
}

TEST_CASE("PostgreSQL: a crash of the server in the middle of an append, and its return", "[postgres][server]") {
  tests::PrivatePostgres server;
  const tests::TestDatabase database{server};
  REQUIRE(migrate(database.connection(), shards_in_tests).ok());
  const auto store = open_postgres({.connection = database.connection()});
  TestNode node{*store};
  auto holding = node.acquire(shard);
  REQUIRE(node.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
  const auto doubtful = opening(holding, 2);
  BlockedAppend append{database, node, holding, doubtful};

  server.stop_immediately();
  CHECK(append.answer().status == AppendStatus::unknown);
  CHECK(node.append({holding}, {opening(holding, 3)}).status == AppendStatus::unavailable);
  CHECK(node.writer->reacquire(node.info.incarnation, std::vector{holding}).error().code == model::Errc::unavailable);
  CHECK(tests::history_of(*node.reader, shard, doubtful.record.entry).error().code == model::Errc::unavailable);
  CHECK_FALSE(node.ownership->beat(node.info.incarnation, std::chrono::seconds{6}).ok());

  server.start();
  CHECK_FALSE(resolve(node, holding, doubtful));
  CHECK(node.append({holding}, {opening(holding, 2)}).status == AppendStatus::committed);
  // Sessions that were open before the crash say so once.
  static_cast<void>(node.ownership->shards());
  CHECK(node.ownership->beat(node.info.incarnation, std::chrono::seconds{6})->alive);
  CHECK(replayed(*node.reader, shard).size() == 2);
}

TEST_CASE("PostgreSQL: a commit that stopped waiting for its synchronous standby is of unknown outcome", "[postgres][server]") {
  tests::PrivatePostgres server;
  const tests::TestDatabase database{server};
  REQUIRE(migrate(database.connection(), shards_in_tests).ok());
  const auto store = open_postgres({.connection = database.connection()});
  TestNode node{*store};
  auto holding = node.acquire(shard);
  database.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  database.query("SELECT pg_reload_conf()");

  // Sooner or later the server has read its configuration, and a commit waits for a standby that is not there.
  std::uint64_t n = 0;
  auto appends = std::async(std::launch::async, [&] {
    AppendResult result;
    do {
      result = node.append({holding}, {opening(holding, ++n)});
    } while (result.status == AppendStatus::committed && n < 100'000);
    return result;
  });
  REQUIRE(eventually([&] {
    return database.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "t";
  }));
  CHECK(appends.get().status == AppendStatus::unknown);

  database.query("ALTER SYSTEM RESET synchronous_standby_names");
  database.query("SELECT pg_reload_conf()");
  CHECK(resolve(node, holding, opening(holding, n)));
}

TEST_CASE("PostgreSQL: a server that only reads is unavailable", "[postgres][server]") {
  tests::PrivatePostgres server;
  const tests::TestDatabase database{server};
  REQUIRE(migrate(database.connection(), shards_in_tests).ok());
  database.query("ALTER DATABASE " + database.query("SELECT current_database()") + " SET default_transaction_read_only = on");
  const auto store = open_postgres({.connection = database.connection()});
  const Holding holding{shard, Epoch{1}};
  const std::vector rows{opening(holding, 1)};
  CHECK(store->open_writer()->append(random_incarnation(), std::span{&holding, 1}, rows).status == AppendStatus::unavailable);
  CHECK(store->open_ownership()->meta().error().code == model::Errc::unavailable);
}

TEST_CASE("PostgreSQL: an address where nothing listens, and a string that is none, are unavailable", "[postgres]") {
  for (const auto* connection : {"host=/nonexistent dbname=none", "this is no connection string"}) {
    const auto store = open_postgres({.connection = connection});
    const auto meta = store->open_ownership()->meta();
    REQUIRE_FALSE(meta.ok());
    CHECK(meta.error().code == model::Errc::unavailable);
    CHECK_FALSE(meta.error().detail.empty());
    CHECK_FALSE(migrate(connection).ok());
  }
}

} // namespace
} // namespace turnwise::storage
