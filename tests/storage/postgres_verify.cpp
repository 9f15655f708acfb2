// The check of a journal in PostgreSQL: clean where it is, and telling what somebody did to it behind the nodes' back.
#include <pqxx/pqxx>

#include "storage/journal_audit.hpp"
#include "tests/storage/backend.hpp"

namespace turnwise::storage {
namespace {

constexpr ShardId shard{3};

/// Two subjects, an open job in the second segment, everything in order.
class Journal {
public:
  Journal() : backend(postgres_backend()), node(*backend.store), here(node.acquire(shard)) {
    for (std::uint64_t n = 10; n <= 50; n += 10) {
      append({opened(n), started(n, n + 2, 1), row(here, n, n + 3, model::Succeeded{model::Attempt{1}, "[1]"})});
      if (n == 30) {
        REQUIRE(node.ownership->extend_journal({}).ok());
      }
    }
    append({opened(60, "artifact:2")});
  }

  void append(const std::vector<Row>& rows) { REQUIRE(node.append({here}, rows).status == AppendStatus::committed); }
  /// The entry has a number of its own, as a shard gives it.
  [[nodiscard]] Row opened(std::uint64_t n, const std::string& subject = "artifact:1") const {
    return row(here, n, n + 1, opening(here, n, subject).record.body);
  }
  [[nodiscard]] Row started(std::uint64_t entry, std::uint64_t sequence, std::uint32_t attempt) const {
    return row(here, entry, sequence, model::Started{model::Attempt{attempt}, {}, "w", {}});
  }
  [[nodiscard]] Verification verified(std::size_t findings_max = 100) const {
    const auto audit = open_audit({.connection = backend.database->connection()});
    const auto done = verify(*audit, findings_max);
    REQUIRE(done.ok());
    return *done;
  }
  /// What is found, a word each.
  [[nodiscard]] std::string words() const {
    std::string text;
    for (const auto& finding : verified().findings) {
      text += (text.empty() ? "" : " ") + std::string{name(finding.what)};
    }
    return text;
  }
  [[nodiscard]] std::string id(std::uint64_t n) const { return std::to_string(number(here, n).value()); }
  void sql(const std::string& text) const { backend.database->query(text); }

  Backend backend;
  TestNode node;
  Holding here;
};

TEST_CASE("a journal that nodes have written is clean, and what was read is counted", "[postgres]") {
  const Journal journal;
  const auto done = journal.verified();
  CHECK(done.findings_count == 0);
  CHECK(done.shards == shards_in_tests);
  CHECK(done.segments == 2);
  CHECK(done.tally.rows == 16);
  CHECK(done.tally.entries == 6);
  CHECK(done.tally.open == 1);
}

TEST_CASE("what was taken out of a journal or put into it is found", "[postgres]") {
  const Journal journal;
  SECTION("a start") {
    journal.sql("DELETE FROM turnwise.journal_1 WHERE event = 3 AND entry = " + journal.id(20));
    CHECK(journal.words() == "attempt step");
    CHECK(journal.verified(1).findings.size() == 1);
    CHECK(journal.verified(1).findings_count == 2);
  }
  SECTION("a success") {
    journal.sql("DELETE FROM turnwise.journal_1 WHERE event = 4 AND entry = " + journal.id(20));
    CHECK(journal.words() == "overlap order order");
  }
  SECTION("the row that opened a job") {
    journal.sql("DELETE FROM turnwise.journal_2 WHERE event = 1 AND entry = " + journal.id(50));
    CHECK(journal.words() == "loss");
  }
  SECTION("the first row of a segment") {
    journal.sql("DELETE FROM turnwise.journal_2 WHERE seq = " + journal.id(41));
    CHECK(journal.words().starts_with("loss"));
  }
  SECTION("all rows of a segment") {
    journal.sql("TRUNCATE turnwise.journal_2");
    CHECK(journal.words() == "loss");
  }
  SECTION("the note of a segment") {
    journal.sql("DELETE FROM turnwise.segment_shard WHERE segment = 2");
    CHECK(journal.words() == "loss");
  }
  SECTION("a replay that begins too late") {
    journal.sql("UPDATE turnwise.shard SET replay_from = 3");
    CHECK(journal.words() == "loss");
  }
  SECTION("an epoch that goes back") {
    journal.sql("UPDATE turnwise.shard SET epoch = 0");
    CHECK(journal.words().starts_with("epoch"));
  }
  SECTION("a row of a later version") {
    journal.sql(
        "INSERT INTO turnwise.event VALUES (99, 'unheard-of'); UPDATE turnwise.journal_2 SET event = 99 WHERE event = 4 "
        "AND entry = " +
        journal.id(50));
    CHECK(journal.words() == "unreadable");
    CHECK(journal.verified().findings[0].sentence.find("unknown event 99") != std::string::npos);
  }
}

TEST_CASE("segments stay while they are checked, and one that goes before is passed over", "[postgres]") {
  Journal journal;
  journal.append({row(journal.here, 60, 62, model::Cancelled{})});
  REQUIRE(journal.node.ownership->extend_journal({}).ok());
  journal.append({journal.opened(70)});
  journal.sql("UPDATE turnwise.shard SET replay_from = 2");

  /// Tries to drop the oldest segment in the middle of the reading.
  class Dropper final : public AuditSink {
  public:
    explicit Dropper(Ownership& ownership) : ownership_(ownership) {}
    void begin(model::ShardExtent extent) override {
      segments = extent.segments.size();
      dropped += *ownership_.drop_segments({});
    }
    void row(std::uint64_t, Sequence, const model::Record&) override { ++rows; }
    void unreadable(std::uint64_t, Sequence, EntryNumber, std::string) override {}
    void end() override {}
    std::size_t segments{}, dropped{}, rows{};

  private:
    Ownership& ownership_;
  };
  Dropper sink{*journal.node.ownership};
  const auto audit = open_audit({.connection = journal.backend.database->connection()});
  REQUIRE(audit->read(shard, sink).ok());
  CHECK(sink.segments == 3);
  CHECK(sink.dropped == 0);
  CHECK(sink.rows == 18);
  CHECK(*journal.node.ownership->drop_segments({}) == 1);
  CHECK(journal.words().empty()); // entry 10 to 30 were there, and are not missed
}

TEST_CASE("a shard is checked as it is at one moment, whatever is written meanwhile", "[postgres]") {
  Journal journal;
  /// Writes while it is told of the first rows.
  class Writer final : public AuditSink {
  public:
    explicit Writer(Journal& to) : to_(to) {}
    void begin(model::ShardExtent) override { to_.append({to_.started(60, 62, 1)}); }
    void row(std::uint64_t, Sequence, const model::Record&) override { ++rows; }
    void unreadable(std::uint64_t, Sequence, EntryNumber, std::string) override {}
    void end() override {}
    std::size_t rows{};

  private:
    Journal& to_;
  };
  Writer sink{journal};
  const auto audit = open_audit({.connection = journal.backend.database->connection()});
  REQUIRE(audit->read(shard, sink).ok());
  CHECK(sink.rows == 16);
  CHECK(journal.verified().tally.rows == 17);
}

TEST_CASE("a database that cannot be read is told", "[postgres]") {
  const tests::TestDatabase empty;
  const auto audit = open_audit({.connection = empty.connection()});
  CHECK_FALSE(verify(*audit, 10).ok());
}

TEST_CASE("the role of a node can check the journal", "[postgres]") {
  const Journal journal;
  const auto& database = *journal.backend.database;
  const auto role = "checker_of_" + database.query("SELECT current_database()");
  database.query("CREATE ROLE " + role + " LOGIN");
  database.query("SELECT turnwise.grant_to_node_role('" + role + "')");
  {
    const auto audit = open_audit({.connection = database.connection() + " user=" + role});
    const auto done = verify(*audit, 10);
    REQUIRE(done.ok());
    CHECK(done->tally.rows == 16);
  }
  database.query("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

} // namespace
} // namespace turnwise::storage
