// tests/e2e runs the real program against a real PostgreSQL and kills it. This file: one node as a child process.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "app/client/client.hpp"
#include "app/client/retry.hpp"
#include "tests/e2e/child.hpp"
#include "tests/support/private_postgres.hpp"

namespace turnwise::tests {

using namespace std::chrono_literals;

/// The longest that anything here may take; nothing waits that long when all is well.
inline constexpr std::chrono::seconds patience{40};

/// `turnwise serve` on a free port of loopback. Killed with -9 at the end, if it still runs.
class NodeProcess {
public:
  /// Chooses a port and migrates the database; starts nothing yet.
  explicit NodeProcess(std::string connection, std::vector<std::string> options = {});
  ~NodeProcess();
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  /// Starts the node, with failpoints and mutants in `environment`, and waits until it serves all shards.
  void start(const Environment& environment = {});
  /// kill -9, and waits until it is gone.
  void kill();
  /// SIGTERM, and waits for the end. @returns the exit status, or 128 + the signal that ended it.
  int stop();
  /// Waits until it ends by itself. @returns as stop().
  int wait();

  [[nodiscard]] client::Client connect(client::Options options = {}) const;
  /// Of the node that runs.
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] bool runs() { return process_ && process_->runs(); }
  [[nodiscard]] const std::string& address() const { return address_; }

private:
  void launch(const Environment& environment);

  std::string connection_;
  std::vector<std::string> options_;
  std::string address_;
  std::optional<Child> process_;
};

/// Runs the program and waits for its end. @returns its exit status.
int run_turnwise(const std::vector<std::string>& arguments);

/// A job of kind "work" for subject "a:1".
client::NewJob keyed_job(std::string key);

/// Claims one job of this kind, however often the node has to be asked.
client::Grant claim_one(const NodeProcess& node, const std::string& kind = "work");

} // namespace turnwise::tests
