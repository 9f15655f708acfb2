// A node that runs kinds as commands: its configuration file, its commands' scripts, and what they say. Needs PostgreSQL.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/node_process.hpp"
#include "tests/handlers/support.hpp"

namespace turnwise::tests {

/// A kind that a node runs: what a shell does for each of its jobs.
struct ExecScript {
  std::string kind;
  std::string script;
  std::string options{}; ///< further lines of its section, e.g. timeout = "1s"
};

using Kinds = std::vector<ExecScript>;

/// A stopped node with these kinds in its configuration file. Scripts reach the test by `>"$SAY"` and hear it by `read x
/// <"$EAR"`; they find a folder of their own in $PLACE.
class ExecNode {
public:
  explicit ExecNode(const Kinds& kinds, std::vector<std::string> options = {});

  /// @returns the id of the new job
  std::string submit(const std::string& kind, const std::string& subject = "a:1", const model::JobOptions& options = {});
  std::string submit(const client::NewJob& job);
  /// Waits until the job is in this state.
  client::Job wait_for_state(const std::string& job, std::string_view state);
  void cancel(const std::string& job);

private:
  handlers::testing::TemporaryFolder folder_;

public:
  TestDatabase database;
  handlers::testing::Mouthpiece say;
  handlers::testing::Mouthpiece ear;
  NodeProcess node;
};

} // namespace turnwise::tests
