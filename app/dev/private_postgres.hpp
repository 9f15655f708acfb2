// A PostgreSQL that belongs to one folder and is reached through a socket in it, by nobody but who may enter that folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/errors.hpp"

namespace turnwise::dev {

/// Runs as the calling user, or as `postgres` when that is root, which PostgreSQL refuses to run as. It is a process of its own
/// and outlives this object unless stop() is called: after a kill -9 of the node it is still there, and the next node adopts
/// it.
///
/// A folder that is there already keeps its owner and its rights; everything is put into a folder `turnwise` within it then,
/// unless it is one that was made here before. Where the server's user cannot reach the folder (/root is closed to others), the
/// cluster is put under /var/lib/turnwise instead.
///
/// Writes are as durable as in production: fsync is on.
class PrivatePostgres {
public:
  /// Makes folder and cluster when they are new, starts the server unless it runs, and makes the database.
  /// Blocks until connections are taken: seconds when new, well under one otherwise.
  /// @returns what could not be done and what to do; `wrong_state` when another process uses the folder.
  static model::Result<std::unique_ptr<PrivatePostgres>> start(const std::filesystem::path& folder);

  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  /// For libpq and psql.
  [[nodiscard]] const std::string& connection() const { return connection_; }
  /// Whether the server was left running by an earlier process.
  [[nodiscard]] bool adopted() const { return adopted_; }

  /// Ends the server: open transactions are rolled back, everything is flushed. Once; may block for half a minute.
  void stop();

private:
  explicit PrivatePostgres(std::filesystem::path folder) : folder_(std::move(folder)), cluster_(folder_ / "postgres") {}

  void move_to(std::filesystem::path folder);
  model::Result<model::Done> lock_folder();
  model::Result<model::Done> choose_place();
  model::Result<model::Done> find_binaries();
  model::Result<model::Done> make_cluster();
  model::Result<model::Done> place_socket();
  model::Result<model::Done> write_settings() const;
  model::Result<model::Done> start_server();
  model::Result<model::Done> make_database();
  model::Result<model::Done> await_server() const;
  [[nodiscard]] bool is_running() const;
  /// Runs one of PostgreSQL's programs, as the user who owns the cluster.
  [[nodiscard]] model::Result<std::string> postgres_program(std::vector<std::string> argv) const;

  std::filesystem::path folder_;
  std::filesystem::path cluster_;
  std::filesystem::path binaries_;
  std::filesystem::path socket_folder_;
  std::string connection_;
  bool adopted_{};
  bool started_{};
  int lock_{-1};
};

} // namespace turnwise::dev
