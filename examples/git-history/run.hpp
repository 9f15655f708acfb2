// A whole replay: processes up, history in, kills on the way, and the verdict.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace turnwise::git_history {

struct RunSettings {
  std::string repository;
  std::string revision{"HEAD"};
  std::string url;      ///< of a running node; empty: start one
  std::string turnwise; ///< the program, when the node is ours
  std::string database; ///< a libpq connection string for our node; empty: `turnwise dev` with a PostgreSQL of its own
  std::string work_dir; ///< empty: a new folder, removed when all went well
  std::string program;  ///< this executable, to start workers from
  unsigned workers{4};
  bool kill{};
  std::chrono::milliseconds kill_interval{4'000};
  std::uint64_t seed{};
  std::uint64_t limit{};
  std::size_t batch{1'000};
  std::chrono::seconds patience{120}; ///< how long nothing may happen
};

/// Prints its progress and the verdict. @returns the exit status: 0 when the result equals the commit, 1 when not.
/// Throws std::exception when the run could not be made.
int run(const RunSettings& settings);

} // namespace turnwise::git_history
