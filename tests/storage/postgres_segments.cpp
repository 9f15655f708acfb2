// Dropping segments in PostgreSQL: it waits for nobody, proves for itself that nothing is lost, and is all that a node's role
// may do to history.
#include <future>
#include <pqxx/pqxx>

#include "model/subject.hpp"
#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"
#include "tests/storage/backend.hpp"
#include "tests/storage/environment.hpp"
#include "tests/support/history.hpp"

namespace turnwise::storage {
namespace {

constexpr Retention at_once{.age_max = std::chrono::seconds{0}, .bytes_max = 0};

/// Three segments with a row each, of which the replay of every shard begins with the second.
class ThreeSegments {
public:
  ThreeSegments() : backend(postgres_backend()), node(*backend.store), holding(node.acquire(ShardId{3})) {
    for (std::uint64_t n = 1; n <= 3; ++n) {
      REQUIRE(node.append({holding}, {opening(holding, n)}).status == AppendStatus::committed);
      if (n < 3) {
        REQUIRE(node.ownership->extend_journal({}).ok());
      }
    }
    begin_replays(2);
  }

  void begin_replays(std::uint64_t segment) const {
    backend.database->query("UPDATE turnwise.shard SET replay_from = " + std::to_string(segment));
  }
  [[nodiscard]] std::string drop(std::uint64_t segment) const {
    return backend.database->query("SELECT turnwise.drop_segment(" + std::to_string(segment) + ", interval '0', 0)");
  }
  [[nodiscard]] std::string oldest() const { return backend.database->query("SELECT min(number) FROM turnwise.segment"); }

  Backend backend;
  TestNode node;
  Holding holding;
};

TEST_CASE("a segment that an open transaction has read is dropped another time, and nobody waits meanwhile", "[postgres]") {
  ThreeSegments journal;
  {
    pqxx::connection session{journal.backend.database->connection()};
    pqxx::work idle{session};
    idle.exec("SELECT count(*) FROM turnwise.journal_1");
    CHECK(*journal.node.ownership->drop_segments(at_once) == 0);
    CHECK(journal.oldest() == "1");
    CHECK(tests::history_of(*journal.node.reader, ShardId{3}, EntryNumber{number(journal.holding, 1).value()})->size() == 1);
    CHECK(journal.node.append({journal.holding}, {opening(journal.holding, 9)}).status == AppendStatus::committed);
  }
  CHECK(*journal.node.ownership->drop_segments(at_once) == 1);
  CHECK(journal.oldest() == "2");
  CHECK(journal.backend.database->query("SELECT count(*) FROM turnwise.segment_shard WHERE segment = 1") == "0");
  CHECK(journal.backend.database->query("SELECT to_regclass('turnwise.journal_1') IS NULL") == "t");
}

TEST_CASE("a segment that goes between its listing and its reading is no error", "[postgres]") {
  const ThreeSegments journal;
  journal.begin_replays(1);
  const EntryNumber entry{number(journal.holding, 1).value()};
  /// What `read` finds when the oldest segment goes out of use and is dropped meanwhile.
  const auto read_meanwhile = [&](auto read) {
    pqxx::connection session{journal.backend.database->connection()};
    pqxx::work drop{session};
    drop.exec("UPDATE turnwise.shard SET replay_from = 2");
    REQUIRE(drop.query_value<bool>("SELECT turnwise.drop_segment(1, interval '0', 0)"));
    auto answer = std::async(std::launch::async, read);
    REQUIRE(eventually([&] {
      return journal.backend.database->query("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock' "
                                             "AND relation = 'turnwise.journal_1'::regclass::oid") == "1";
    }));
    drop.commit();
    return answer.get();
  };
  SECTION("of a history") {
    CHECK(read_meanwhile([&] { return tests::history_of(*journal.node.reader, ShardId{3}, entry); })->empty());
  }
  SECTION("of keys") {
    const std::vector<KeyQuery> queries{{"artifact:1", "move", "order-7"}};
    CHECK_FALSE(read_meanwhile([&] { return journal.node.reader->find_keys(ShardId{3}, queries, noon); })->at(0).found);
  }
  SECTION("of bodies") {
    const std::vector entries{std::pair{ShardId{3}, entry}};
    CHECK(read_meanwhile([&] { return journal.node.reader->bodies(entries); })->empty());
  }
}

TEST_CASE("the function that drops a segment proves for itself that nothing is lost", "[postgres]") {
  const ThreeSegments journal;
  CHECK(journal.drop(2) == "f"); // not the oldest
  CHECK(journal.drop(0) == "f"); // there is none
  journal.backend.database->query("UPDATE turnwise.shard SET replay_from = 1 WHERE shard_id = 15");
  CHECK(journal.drop(1) == "f"); // a replay begins with it, though its shard has no row there
  journal.begin_replays(9);
  CHECK(journal.drop(1) == "t");
  CHECK(journal.drop(2) == "f"); // of the newest two
  CHECK(journal.drop(3) == "f");
  CHECK(journal.oldest() == "2");
}

TEST_CASE("the story of a subject in SQL begins with what was carried when the rest is gone", "[postgres]") {
  const auto backend = postgres_backend();
  TestNode node{*backend.store};
  const std::string subject = "artifact:1";
  const auto holding = node.acquire(model::shard_of(subject, shards_in_tests));
  REQUIRE(node.append({holding}, {opening(holding, 1, subject)}).status == AppendStatus::committed);
  REQUIRE(node.ownership->extend_journal({}).ok());
  model::Carried carried;
  carried.job.subject = subject;
  carried.state = model::JobState::waiting;
  REQUIRE(node.append({holding}, {row(holding, 1, 2, carried)}).status == AppendStatus::committed);
  REQUIRE(node.ownership->extend_journal({}).ok());
  REQUIRE(node.append({holding}, {row(holding, 1, 3, model::Cancelled{})}).status == AppendStatus::committed);
  const auto story = [&] {
    return backend.database->query("SELECT string_agg(event, ' ') FROM turnwise.journal_of('artifact:1')");
  };
  CHECK(story() == "submitted carried cancelled");
  backend.database->query("UPDATE turnwise.shard SET replay_from = 2");
  REQUIRE(*node.ownership->drop_segments(at_once) == 1);
  CHECK(story() == "carried cancelled");
}

TEST_CASE("a node's role may drop what is out of use, by the function alone", "[postgres]") {
  const ThreeSegments journal;
  const auto& database = *journal.backend.database;
  const auto role = "dropper_of_" + database.query("SELECT current_database()");
  database.query("CREATE ROLE " + role + " LOGIN");
  database.query("SELECT turnwise.grant_to_node_role('" + role + "')");
  {
    const auto connection = database.connection() + " user=" + role;
    const auto ownership = open_postgres({.connection = connection})->open_ownership();
    CHECK(ownership->extend_journal({})->newest == 4);
    CHECK(*ownership->drop_segments(at_once) == 1);
    pqxx::connection session{connection};
    for (const auto* forbidden :
         {"DROP TABLE turnwise.journal_2", "TRUNCATE turnwise.journal_2", "DELETE FROM turnwise.segment",
          "DELETE FROM turnwise.segment_shard", "SELECT turnwise.allow_nodes('GRANT ALL ON turnwise.segment TO %I')"}) {
      CAPTURE(forbidden);
      CHECK_THROWS_AS(pqxx::nontransaction{session}.exec(forbidden), pqxx::insufficient_privilege);
    }
  }
  database.query("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

} // namespace
} // namespace turnwise::storage
