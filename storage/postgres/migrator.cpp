// Applies migrations under an advisory lock and keeps book of them in turnwise.migration.
#include "storage/migrator.hpp"

#include <algorithm>
#include <map>

#include "model/limits.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/migrations.hpp"

namespace turnwise::storage {
namespace {

using postgres::Migration;

/// One migrator at a time in a database. The number is arbitrary and ours.
constexpr std::int64_t migration_lock = 0x7475'726e'7769'7365;

// Asks before it creates: whoever owns the schema need not have the right to create one.
constexpr auto create_own_table = R"sql(
  DO $$ BEGIN
    IF to_regnamespace('turnwise') IS NULL THEN
      CREATE SCHEMA turnwise;
    END IF;
  END $$;
  CREATE TABLE IF NOT EXISTS turnwise.migration (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
  ))sql";

constexpr auto applied_migrations = R"sql(
  SELECT number, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM turnwise.migration)sql";

struct Applied {
  std::string checksum;
  std::string at;
};

std::map<std::uint32_t, Applied> find_applied(pqxx::connection& connection) {
  pqxx::nontransaction transaction{connection};
  std::map<std::uint32_t, Applied> found;
  if (transaction.query_value<bool>("SELECT to_regclass('turnwise.migration') IS NOT NULL")) {
    for (const auto& row : transaction.exec(applied_migrations)) {
      found[row[0].as<std::uint32_t>()] = {row[1].as<std::string>(), row[2].as<std::string>()};
    }
  }
  return found;
}

std::string checksum(pqxx::connection& connection, std::string_view sql) {
  return pqxx::nontransaction{connection}.query_value<std::string>("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')",
                                                                   pqxx::params{std::string{sql}});
}

MigrationStatus status_of(const Migration& migration, const Applied* applied) {
  return {.number = migration.number,
          .name = std::string{migration.name},
          .applied = applied != nullptr,
          .applied_at = applied == nullptr ? std::string{} : applied->at};
}

/// The session's lock, given back also after an exception: the session ends with the connection.
class MigrationLock {
public:
  explicit MigrationLock(pqxx::connection& connection) : connection_(connection) {
    pqxx::nontransaction{connection_}.exec("SELECT pg_advisory_lock($1)", pqxx::params{migration_lock});
  }
  MigrationLock(const MigrationLock&) = delete;
  MigrationLock& operator=(const MigrationLock&) = delete;
  ~MigrationLock() {
    try {
      pqxx::nontransaction{connection_}.exec("SELECT pg_advisory_unlock($1)", pqxx::params{migration_lock});
    } catch (const std::exception&) { // NOLINT(bugprone-empty-catch): without a connection there is no lock either
    }
  }

private:
  pqxx::connection& connection_;
};

void apply(pqxx::connection& connection, const Migration& migration, const std::string& sum) {
  pqxx::work transaction{connection};
  transaction.exec(std::string{migration.sql});
  transaction.exec("INSERT INTO turnwise.migration (number, name, checksum) VALUES ($1, $2, $3)",
                   pqxx::params{migration.number, std::string{migration.name}, sum});
  transaction.commit();
}

model::Result<std::vector<MigrationStatus>> apply_missing(pqxx::connection& connection, std::uint16_t shard_count) {
  const MigrationLock lock{connection};
  pqxx::nontransaction{connection}.exec(create_own_table);
  const auto applied = find_applied(connection);
  if (const auto newest = postgres::migrations().back().number; !applied.empty() && applied.rbegin()->first > newest) {
    return model::Error{model::Errc::internal,
                        "the database has migration " + std::to_string(applied.rbegin()->first) + ", this binary ends with " +
                            std::to_string(newest) + ": use a newer one",
                        {}};
  }
  std::vector<MigrationStatus> done;
  for (const auto& migration : postgres::migrations()) {
    const auto sum = checksum(connection, migration.sql);
    if (const auto known = applied.find(migration.number); known == applied.end()) {
      apply(connection, migration, sum);
      done.push_back(status_of(migration, nullptr));
    } else if (known->second.checksum != sum) {
      return model::Error{model::Errc::internal,
                          "migration " + std::string{migration.name} + " was applied with another text than this binary has",
                          {}};
    }
  }
  pqxx::nontransaction{connection}.exec("SELECT turnwise.found_cluster($1)", pqxx::params{shard_count});
  const auto now_applied = find_applied(connection);
  for (auto& status : done) {
    status.applied = true;
    status.applied_at = now_applied.at(status.number).at;
  }
  return done;
}

/// A wrong SQL text or missing rights are no outage, so the words of PostgreSQL come under another code.
template <class Work>
auto with_connection(const std::string& text, Work&& work) -> decltype(work(std::declval<pqxx::connection&>())) {
  postgres::Connection connection{{.connection = text}, "SET lock_timeout = '5min';"};
  try {
    return work(connection.open());
  } catch (const pqxx::sql_error& fault) {
    return model::Error{model::Errc::internal, "PostgreSQL: " + postgres::first_line(fault), {}};
  } catch (const std::exception& fault) {
    return postgres::Connection::unavailable(fault);
  }
}

} // namespace

model::Result<std::vector<MigrationStatus>> migrate(const std::string& connection, std::uint16_t shard_count) {
  if (shard_count == 0 || shard_count > model::shard_count_max) {
    return model::Error{model::Errc::malformed, "a cluster has 1 to " + std::to_string(model::shard_count_max) + " shards", {}};
  }
  return with_connection(connection, [&](pqxx::connection& open) { return apply_missing(open, shard_count); });
}

model::Result<std::vector<MigrationStatus>> migration_status(const std::string& connection) {
  return with_connection(connection, [](pqxx::connection& open) -> model::Result<std::vector<MigrationStatus>> {
    const auto applied = find_applied(open);
    std::vector<MigrationStatus> all;
    for (const auto& migration : postgres::migrations()) {
      const auto known = applied.find(migration.number);
      all.push_back(status_of(migration, known == applied.end() ? nullptr : &known->second));
    }
    return all;
  });
}

} // namespace turnwise::storage
