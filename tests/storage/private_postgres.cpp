// The server of the tests themselves: that it leaves nothing behind.
#include "tests/support/private_postgres.hpp"

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <pqxx/pqxx>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/storage/environment.hpp"

namespace turnwise::tests {
namespace {

bool accepts_connections(const std::string& connection) {
  try {
    const pqxx::connection session{connection};
    return session.is_open();
  } catch (const pqxx::broken_connection&) {
    return false;
  }
}

TEST_CASE("a private PostgreSQL ends with the program that started it, also when that is killed", "[postgres][server]") {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const auto child = fork();
  if (child == 0) {
    const PrivatePostgres server;
    const auto connection = server.connection();
    const auto written = write(ends[1], connection.data(), connection.size());
    raise(written > 0 ? SIGKILL : SIGABRT);
  }
  close(ends[1]);
  std::string connection(200, '\0');
  const auto size = read(ends[0], connection.data(), connection.size());
  close(ends[0]);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  REQUIRE(size > 0);
  connection.resize(static_cast<std::size_t>(size));
  CHECK(storage::eventually([&] { return !accepts_connections(connection); }));
}

TEST_CASE("a private PostgreSQL that was stopped like in a crash keeps what was committed", "[postgres][server]") {
  PrivatePostgres server;
  const TestDatabase database{server};
  database.query("CREATE TABLE kept AS SELECT 7 AS number");
  server.stop_immediately();
  CHECK_FALSE(accepts_connections(database.connection()));
  server.start();
  CHECK(database.query("SELECT number FROM kept") == "7");
  CHECK(database.terminate_backends() == 0);
}

} // namespace
} // namespace turnwise::tests
