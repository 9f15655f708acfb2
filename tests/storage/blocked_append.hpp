// An append that is held up inside its transaction, after the fence and before the commit, until the test lets it go.
#pragma once

#include <future>
#include <pqxx/pqxx>

#include "tests/storage/backend.hpp"
#include "tests/storage/environment.hpp"

namespace turnwise::storage {

class BlockedAppend {
public:
  /// Returns once the server says that the append waits. A row with the same primary key, not yet committed, is what it waits
  /// for.
  BlockedAppend(const tests::TestDatabase& database, const TestNode& node, const Holding& holding, const Row& row)
      : database_(database), session_(database.connection()), blocker_(session_) {
    blocker_.exec("INSERT INTO turnwise.journal_1 (shard, entry, seq, at, event) VALUES ($1, $2, $3, now(), 1)",
                  pqxx::params{holding.shard.value(), row.record.entry.value(), row.sequence.value()});
    answer_ = std::async(std::launch::async, [&node, holding, row] { return node.append({holding}, {row}); });
    REQUIRE(eventually([this] { return waiting() == 1; }));
  }
  BlockedAppend(const BlockedAppend&) = delete;
  BlockedAppend& operator=(const BlockedAppend&) = delete;

  /// How many sessions of the database wait for another one's locks.
  [[nodiscard]] int waiting() const {
    return std::stoi(database_.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                     "cardinality(pg_blocking_pids(pid)) > 0"));
  }
  /// Ends the session that appends.
  void terminate() const {
    database_.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                    "query LIKE '%INSERT INTO turnwise.journal_1%entered%' AND pid <> pg_backend_pid()");
  }
  void let_go() { blocker_.abort(); }
  AppendResult answer() { return answer_.get(); }

private:
  const tests::TestDatabase& database_;
  pqxx::connection session_;
  pqxx::work blocker_;
  std::future<AppendResult> answer_;
};

} // namespace turnwise::storage
