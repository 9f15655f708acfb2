// The schema: migrations, the functions for people and for operators, and that statements go by their indexes.
#include <future>
#include <pqxx/pqxx>

#include "model/subject.hpp"
#include "storage/migrator.hpp"
#include "storage/postgres/reader_statements.hpp"
#include "storage/postgres/store.hpp"
#include "storage/postgres/writer_statements.hpp"
#include "tests/storage/backend.hpp"

namespace turnwise::storage {
namespace {

namespace sql = postgres::sql;

constexpr ShardId shard{3};

TEST_CASE("migrating an empty database applies everything, a second time nothing", "[postgres]") {
  const tests::TestDatabase database;
  const auto before = migration_status(database.connection());
  REQUIRE(before.ok());
  REQUIRE(before->size() >= 2);
  CHECK((*before)[0].number == 1);
  CHECK_FALSE((*before)[0].applied);

  const auto applied = migrate(database.connection(), 8);
  REQUIRE(applied.ok());
  CHECK(applied->size() == before->size());
  const auto after = migration_status(database.connection());
  REQUIRE(after->size() == before->size());
  CHECK(after->back().applied);
  CHECK(after->back().applied_at.ends_with("Z"));

  CHECK(migrate(database.connection(), 16)->empty());
  CHECK(database.query("SELECT count(*) FROM turnwise.shard") == "8"); // a cluster keeps its own count
}

TEST_CASE("a migration whose text has changed since is refused", "[postgres]") {
  const tests::TestDatabase database;
  REQUIRE(migrate(database.connection()).ok());
  database.query("UPDATE turnwise.migration SET checksum = 'other' WHERE number = 1");
  const auto again = migrate(database.connection());
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == model::Errc::internal);
  CHECK(again.error().detail.find("cluster") != std::string::npos);
}

TEST_CASE("of two migrators at once one applies each migration", "[postgres]") {
  const tests::TestDatabase database;
  const auto work = [&] { return migrate(database.connection()); };
  auto one = std::async(std::launch::async, work);
  auto two = std::async(std::launch::async, work);
  const auto first = one.get();
  const auto second = two.get();
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(first->size() + second->size() == migration_status(database.connection())->size());
}

TEST_CASE("an impossible shard count is refused", "[postgres]") {
  const tests::TestDatabase database;
  CHECK(migrate(database.connection(), 0).error().code == model::Errc::malformed);
  CHECK(migrate(database.connection(), 40'000).error().code == model::Errc::malformed);
  CHECK_FALSE(migration_status(database.connection())->front().applied);
}

TEST_CASE("a database without the schema says what to do", "[postgres]") {
  const tests::TestDatabase database;
  const auto meta = open_postgres({.connection = database.connection()})->open_ownership()->meta();
  REQUIRE_FALSE(meta.ok());
  CHECK(meta.error().detail.find("turnwise migrate") != std::string::npos);
}

TEST_CASE("SQL and C++ agree on the shard of every subject", "[postgres]") {
  for (const std::uint16_t count : {1, 7, 256, 1000, 1024}) {
    const tests::TestDatabase database;
    REQUIRE(migrate(database.connection(), count).ok());
    pqxx::connection session{database.connection()};
    pqxx::nontransaction transaction{session};
    for (int i = 0; i < 200; ++i) { // half of the hashes have their highest bit set
      const auto subject = i == 0 ? std::string{"Straße:世界 🎈"} : "artifact:" + std::to_string(i);
      CAPTURE(subject, count);
      CHECK(transaction.query_value<int>("SELECT turnwise.shard_of($1)", pqxx::params{subject}) ==
            model::shard_of(subject, count).value());
    }
  }
}

TEST_CASE("a segment ends when it holds more rows than asked, not before", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  const auto segments = [&] { return backend.database->query("SELECT count(*) FROM turnwise.segment"); };
  REQUIRE(node.ownership->extend_journal({}).ok());
  CHECK(segments() == "1");
  REQUIRE(node.append({holding}, {opening(holding, 1), opening(holding, 2), opening(holding, 3)}).status ==
          AppendStatus::committed);
  REQUIRE(node.ownership->extend_journal({3, 3, std::chrono::hours{1}}).ok());
  CHECK(segments() == "1");
  REQUIRE(node.ownership->extend_journal({2, 2, std::chrono::hours{1}}).ok());
  CHECK(segments() == "2");
  REQUIRE(node.ownership->extend_journal({2, 2, std::chrono::hours{1}}).ok());
  CHECK(segments() == "2");
}

TEST_CASE("nodes that extend the journal together start one segment", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  REQUIRE(node.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
  std::vector<std::future<bool>> callers;
  for (int i = 0; i < 4; ++i) {
    callers.push_back(std::async(std::launch::async, [&] { return backend.store->open_ownership()->extend_journal({}).ok(); }));
  }
  for (auto& caller : callers) {
    CHECK(caller.get());
  }
  CHECK(backend.database->query("SELECT count(*) FROM turnwise.segment") == "2");
}

TEST_CASE("the last epoch is not passed", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  backend.database->query("UPDATE turnwise.shard SET epoch = 8388606 WHERE shard_id = 3");
  const auto held = node.acquire(shard);
  CHECK(held.epoch == Epoch{model::epoch_limit - 1});
  CHECK(node.append({held}, {opening(held, 1)}).status == AppendStatus::committed);
  CHECK_FALSE(node.writer->reacquire(node.info.incarnation, std::vector{held}).ok());
  REQUIRE(node.ownership->release(node.info.incarnation, std::vector{held}).ok());
  const auto again = node.ownership->acquire(node.info.incarnation, std::vector{held});
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == model::Errc::internal);
  CHECK(node.append({held}, {opening(held, 2)}).status == AppendStatus::fenced);
}

TEST_CASE("only the newest hundred dead nodes are kept", "[postgres]") {
  const auto backend = postgres_backend();
  const auto ownership = backend.store->open_ownership();
  for (int i = 0; i < 110; ++i) {
    REQUIRE(ownership->join({random_incarnation(), "restarting", "127.0.0.1:1"}, std::chrono::seconds{6}).ok());
  }
  CHECK(backend.database->query("SELECT count(*) FROM turnwise.node WHERE state = 'dead'") == "100");
  CHECK(backend.database->query("SELECT count(*) FROM turnwise.node_beat") == "101");
}

TEST_CASE("a subject's journal can be read in SQL", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  const std::string subject = "artifact:1";
  const auto holding = node.acquire(model::shard_of(subject, shards_in_tests));
  REQUIRE(node.append({holding}, {opening(holding, 1, subject), opening(holding, 2, "artifact:2")}).status ==
          AppendStatus::committed);
  REQUIRE(node.ownership->extend_journal({}).ok());
  REQUIRE(node.append({holding}, {row(holding, 1, 3, model::CancelRequested{}), row(holding, 2, 4, model::Due{})}).status ==
          AppendStatus::committed);
  CHECK(backend.database->query("SELECT string_agg(event, ' ') FROM turnwise.journal_of('artifact:1')") ==
        "submitted cancel-requested");
}

TEST_CASE("a node's role may work and extend the journal, but not change the schema or history", "[postgres]") {
  const auto backend = postgres_backend();
  const auto role = "node_of_" + backend.database->query("SELECT current_database()");
  backend.database->query("CREATE ROLE " + role + " LOGIN");
  backend.database->query("SELECT turnwise.grant_to_node_role('" + role + "')");
  const auto connection = backend.database->connection() + " user=" + role;
  const auto store = open_postgres({.connection = connection});
  {
    TestNode node{*store};
    const auto holding = node.acquire(shard);
    REQUIRE(node.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
    REQUIRE(node.ownership->extend_journal({}).ok());
    REQUIRE(node.append({holding}, {opening(holding, 2)}).status == AppendStatus::committed);
    CHECK(replayed(*node.reader, shard).size() == 2);
    CHECK(node.ownership->meta().ok());
    CHECK(node.ownership->change_kind({"build", model::PauseKind{"ann", "incident 7"}}).ok());
    CHECK(node.ownership->change_kind({"build", model::ResumeKind{"ann"}}).ok());
    CHECK(node.ownership->kinds_since(0)->has_value());
    CHECK(node.ownership->leave(node.info.incarnation).ok());
  }
  pqxx::connection session{connection};
  for (const auto* forbidden :
       {"SELECT turnwise.create_segment(9)", "DELETE FROM turnwise.journal_1", "UPDATE turnwise.journal_2 SET at = now()",
        "DROP TABLE turnwise.journal_1", "CREATE TABLE turnwise.other ()", "DELETE FROM turnwise.shard"}) {
    CAPTURE(forbidden);
    CHECK_THROWS_AS(pqxx::nontransaction{session}.exec(forbidden), pqxx::insufficient_privilege);
  }
  backend.database->query("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_CASE("a superuser's grant holds for segments that the schema's owner makes later", "[postgres]") {
  tests::TestDatabase database;
  const auto name = database.query("SELECT current_database()");
  const auto owner = "owner_of_" + name;
  const auto role = "node_of_" + name;
  database.query("CREATE ROLE " + owner + " LOGIN; CREATE ROLE " + role + " LOGIN; GRANT CREATE ON DATABASE " + name + " TO " +
                 owner);
  REQUIRE(migrate(database.connection() + " user=" + owner, 4).ok());
  database.query("REVOKE CREATE ON DATABASE " + name + " FROM " + owner);
  CHECK(migrate(database.connection() + " user=" + owner, 4).ok()); // the schema is there: nothing is to be created
  database.query("SELECT turnwise.grant_to_node_role('" + role + "')");
  {
    const auto store = open_postgres({.connection = database.connection() + " user=" + role});
    TestNode node{*store};
    const auto holding = node.acquire(shard);
    REQUIRE(node.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
    REQUIRE(node.ownership->extend_journal({}).ok());
    CHECK(node.append({holding}, {opening(holding, 2)}).status == AppendStatus::committed);
  }
  database.query("DROP SCHEMA turnwise CASCADE; DROP OWNED BY " + role + "; DROP ROLE " + role + "; DROP OWNED BY " + owner +
                 "; DROP ROLE " + owner);
}

/// The plan that PostgreSQL has for a prepared statement, whatever its arguments.
std::string plan_of(const tests::TestDatabase& database, const std::string& statement, const std::string& types,
                    const std::string& arguments) {
  pqxx::connection session{database.connection()};
  pqxx::nontransaction transaction{session};
  transaction.exec("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;"
                   "SET enable_sort = off");
  transaction.exec("PREPARE planned" + types + " AS " + statement);
  std::string plan;
  for (const auto& line : transaction.exec("EXPLAIN (COSTS OFF) EXECUTE planned" + arguments)) {
    plan += line[0].as<std::string>() + "\n";
  }
  return plan;
}

TEST_CASE("every statement of the reader goes by an index, also in young segments", "[postgres]") {
  const auto backend = postgres_backend();
  backend.database->query("SELECT turnwise.create_segment(2)");
  const std::vector<std::int64_t> both{1, 2};
  const std::vector<std::string> plans{
      plan_of(*backend.database, sql::replay(3, both), "", ""),
      plan_of(*backend.database, sql::rows_of_entries(1, sql::has_body), "(smallint[], bigint[])", "('{3}', '{1}')"),
      plan_of(*backend.database, sql::history_page(1), "(smallint, bigint, bigint)", "(3, 1, 0)"),
      plan_of(*backend.database, sql::keys(1), "(smallint, text[], text[], text[], bigint)", "(3, '{s}', '{k}', '{key}', 0)"),
      plan_of(*backend.database, sql::contains(1), "(smallint, bigint, bigint)", "(3, 1, 1)"),
      plan_of(*backend.database, std::string{sql::segments_of_entries}, "(smallint[], bigint[], boolean)",
              "('{3}', '{1}', true)"),
  };
  for (const auto& plan : plans) {
    INFO(plan);
    CHECK(plan.find("Seq Scan") == std::string::npos);
    CHECK(plan.find("Index") != std::string::npos);
  }
  INFO(plans.front());
  CHECK(plans.front().find("Merge Append") != std::string::npos);
  CHECK(plans.front().find("Sort\n") == std::string::npos); // rows come in order, however many there are
}

} // namespace
} // namespace turnwise::storage
