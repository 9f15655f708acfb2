// One worker process: claims changes over HTTP, applies them to the store, answers. It may be killed at any moment.
#pragma once

#include <string>

namespace turnwise::git_history {

/// The kind of this example's jobs.
inline constexpr const char* job_kind = "apply_change";

struct WorkerSettings {
  std::string url;
  std::string repository;
  std::string store; ///< folder of the FlatStore
  std::string log;   ///< file for what is worth a line: refused, repeated and superseded changes
  std::string name;
  std::string run; ///< jobs of another run are refused
  std::uint32_t claim_max{50};
};

/// Works until SIGTERM or until the process that started it ends. Returns an exit status.
int run_worker(const WorkerSettings& settings);

} // namespace turnwise::git_history
