// Databases of single test cases.
#include <cstdlib>
#include <pqxx/pqxx>
#include <random>

#include "tests/support/private_postgres.hpp"

namespace turnwise::tests {
namespace {

std::string run(const std::string& connection, const std::string& sql) {
  pqxx::connection session{connection};
  const auto rows = pqxx::nontransaction{session}.exec(sql);
  return rows.empty() || rows.columns() == 0 ? std::string{} : rows[0][0].as<std::string>("");
}

const char* external_server() {
  return std::getenv("TURNWISE_TEST_POSTGRES");
}

std::string shared_server() {
  if (const auto* external = external_server(); external != nullptr) {
    return external;
  }
  static const PrivatePostgres server;
  return server.connection();
}

/// Also unlike those of other test programs on the same server.
std::string fresh_name() {
  std::random_device random;
  return "test_" + std::to_string(random()) + "_" + std::to_string(random());
}

} // namespace

TestDatabase::TestDatabase() : TestDatabase(shared_server()) {}

TestDatabase::TestDatabase(PrivatePostgres& server) : TestDatabase(server.connection()) {}

TestDatabase::TestDatabase(const std::string& administrator) : administrator_(administrator), name_(fresh_name()) {
  run(administrator_, "CREATE DATABASE " + name_ + " TEMPLATE template0");
  // The last word of a connection string wins.
  connection_ = administrator_ + " dbname=" + name_;
}

TestDatabase::~TestDatabase() {
  if (external_server() == nullptr) {
    return; // it goes with its server; a DROP would only wait for a checkpoint
  }
  try {
    run(administrator_, "DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
  } catch (const std::exception&) { // NOLINT(bugprone-empty-catch): what is left over is empty and has a name of its own
  }
}

std::string TestDatabase::query(const std::string& sql) const {
  return run(connection_, sql);
}

void TestDatabase::move_to(const std::filesystem::path& folder) const {
  run(administrator_, "CREATE TABLESPACE of_" + name_ + " LOCATION '" + folder.string() + "'");
  run(administrator_, "ALTER DATABASE " + name_ + " SET TABLESPACE of_" + name_);
}

int TestDatabase::terminate_backends() const {
  return std::stoi(run(administrator_,
                       "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '" + name_ + "'"));
}

} // namespace turnwise::tests
