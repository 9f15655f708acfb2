// app/node puts a node together and runs it until somebody asks it to stop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/config/node_options.hpp"
#include "app/handlers/handler.hpp"
#include "app/handlers/spawner.hpp"
#include "storage/ownership.hpp"

namespace turnwise::node {

/// How a process ended, for the shell.
enum Exit : int {
  exit_done = 0,
  exit_failed = 1, ///< it could not be done; stderr says why and what to do
  exit_usage = 2,  ///< the command line is wrong
  exit_fatal = 3,  ///< the node had to end: others declared it dead, or the journal is not its own any more
};

struct Parts {
  config::NodeOptions options; ///< valid
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<handlers::Spawner> spawner;      ///< null when no kind runs as a command
  std::vector<handlers::InProcessKind> in_process; ///< kinds that functions of this program run
  std::function<void(const std::string& url)> up;  ///< called when the node serves
  std::string unreachable_hint;                    ///< what to do when PostgreSQL cannot be reached
};

/// Binds the address, starts the engine, serves; drains on SIGTERM, SIGINT and SIGHUP, and ends at once on a second one. To be
/// called once per process, from the main thread. @returns an Exit; a node that had to end exits the process itself, without
/// any farewell.
int run(Parts parts);

} // namespace turnwise::node
