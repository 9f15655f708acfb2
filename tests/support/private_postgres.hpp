// tests/support: a PostgreSQL of the test program's own. Its data lie in a temporary folder, it listens on a unix socket only,
// and it ends with the program, however that ends. fsync is on: the tests are about durability.
//
// An initialized data folder is kept per user and PostgreSQL version and copied for each server, which then starts in about
// half a second. With TURNWISE_TEST_POSTGRES set to a connection string (words, not a URI), databases are made on that server
// instead.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace turnwise::tests {

/// A server. Not thread-safe. Every call throws std::runtime_error with the server's log when it fails.
class PrivatePostgres {
public:
  /// Starts a server and waits until it accepts connections.
  /// @param wal_folder  an empty folder that the server's user may write, for its WAL; empty: with the other data
  explicit PrivatePostgres(const std::filesystem::path& wal_folder = {});
  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  /// A connection string for one of its databases.
  [[nodiscard]] std::string connection(const std::string& database = "postgres") const;

  /// Ends the server as a crash does: open transactions are lost, committed ones are recovered at the next start.
  void stop_immediately();
  /// Starts it again after a stop; waits until it accepts connections.
  void start();

  /// Stops every process of the server in its tracks: connections stay, and nothing is answered.
  void freeze();
  /// Lets them go on, as if nothing had happened.
  void thaw();

private:
  struct Guardian;
  std::filesystem::path folder_;
  std::unique_ptr<Guardian> guardian_;
};

/// An empty database with a name of its own, dropped at the end at the latest with its server.
class TestDatabase {
public:
  /// On the server that TURNWISE_TEST_POSTGRES names, or on one that all databases of this program share.
  TestDatabase();
  /// On this server, which must outlive it.
  explicit TestDatabase(PrivatePostgres& server);
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  [[nodiscard]] const std::string& connection() const { return connection_; }

  /// Runs SQL on a connection of its own.
  /// @returns the first column of the first row, or an empty text.
  std::string query(const std::string& sql) const;
  /// Puts its tables and indexes into this empty folder, which the server's user may write. Nobody may be connected.
  void move_to(const std::filesystem::path& folder) const;
  /// Ends all other sessions of this database. @returns how many there were.
  int terminate_backends() const;

private:
  explicit TestDatabase(const std::string& administrator);

  std::string administrator_; // connection string for CREATE and DROP DATABASE
  std::string connection_;
  std::string name_;
};

} // namespace turnwise::tests
