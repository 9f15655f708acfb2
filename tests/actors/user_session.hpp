// A user's own session on the journal's database, for tests of what users call in their transactions.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <fmt/format.h>
#include <pqxx/pqxx>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"
#include "tests/support/private_postgres.hpp"

namespace turnwise::tests {

inline std::shared_ptr<storage::Store> journal_in(const TestDatabase& database) {
  REQUIRE(storage::migrate(database.connection(), 4).ok());
  return storage::open_postgres({.connection = database.connection()});
}

/// In whatever transaction its words have begun.
class UserSession {
public:
  explicit UserSession(const TestDatabase& database) : connection_(database.connection()) {}

  void run(const std::string& sql) { value(sql); }
  /// The first column of the first row.
  std::string value(const std::string& sql) {
    const auto rows = pqxx::nontransaction{connection_}.exec(sql);
    return rows.empty() || rows.columns() == 0 ? std::string{} : rows[0][0].as<std::string>("");
  }
  /// The first two columns of all rows.
  std::vector<std::pair<std::string, std::string>> pairs(const std::string& sql) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& row : pqxx::nontransaction{connection_}.exec(sql)) {
      all.emplace_back(row[0].as<std::string>(""), row[1].as<std::string>(""));
    }
    return all;
  }
  /// The SQLSTATE with which it fails, or nothing.
  std::string fault_of(const std::string& sql) {
    try {
      run(sql);
    } catch (const pqxx::insufficient_privilege&) {
      return "42501"; // libpqxx does not tell
    } catch (const pqxx::sql_error& fault) {
      return fault.sqlstate();
    }
    return {};
  }
  std::string submit(const std::string& subject, const std::string& payload, const std::string& options = "{}") {
    return value(fmt::format("SELECT turnwise.submit('{}', 'work', '{}', '{}')", subject, payload, options));
  }

private:
  pqxx::connection connection_;
};

/// What one session did: its committed jobs, in order, by subject.
using Committed = std::map<std::string, std::vector<std::string>>;

/// Session `number` runs so many transactions of random length, some of which it rolls back. Its jobs say who submitted them,
/// and as which: "number count".
Committed play(const TestDatabase& database, int number, unsigned seed, int transactions);

/// The payloads of one session among those of all.
std::vector<std::string> of_session(const std::vector<std::string>& payloads, int number);

} // namespace turnwise::tests
