// What is measured. Each workload but crash-fill and backlog leaves the node empty, and throws std::runtime_error when order,
// overlap or loss was wrong: there are no numbers for wrong work.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/load.hpp"
#include "bench/statistics.hpp"
#include "bench/usage.hpp"

namespace turnwise::bench {

struct Settings {
  std::string url{"http://127.0.0.1:7171"};
  Processes processes;
  std::uint64_t jobs{20'000};
  std::uint32_t subjects{1'000};
  std::uint32_t idle_subjects{1'000'000}; ///< of `memory`
  std::uint64_t scheduled_jobs{100'000};
  std::uint64_t backlog_jobs{1'000'000};
  std::uint32_t backlog_subjects{1};
  unsigned submit_connections{32};
  WorkerSettings workers;
  unsigned latency_seconds{15};
  unsigned latency_rate{200}; ///< jobs per second
  std::uint64_t seed{1};
  std::string postgres;  ///< of `limit`: a connection string that may make a database
  double restarted_at{}; ///< of what follows a restart: when the node was started again, seconds of the Unix epoch
};

struct Workload {
  const char* name;
  const char* text;
  std::function<void(const Settings&, Measurements&)> run;
  unsigned runs_max{~0U}; ///< for those that take long and do not spread
  enum class Chosen : std::uint8_t { by_default, by_name } chosen{};
};

/// In the order in which they run.
const std::vector<Workload>& all_workloads();

} // namespace turnwise::bench
