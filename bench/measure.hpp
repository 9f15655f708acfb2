// What the workloads are made of: timing and cost of a step, a load with its checker, the judgement at the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/client/client.hpp"
#include "bench/workloads.hpp"

namespace turnwise::bench {

inline constexpr std::chrono::seconds step_limit{600}; ///< for each step of a workload
inline constexpr std::size_t bulk = 1'000;             ///< jobs per batch

/// Time and CPU of one step, from its making to its end.
class Step {
public:
  Step(const Settings& settings, Measurements& out, std::string name);
  void end(std::uint64_t jobs);

private:
  const Settings& settings_;
  Measurements& out_;
  std::string name_;
  Costs before_;
  Clock::time_point start_;
};

/// A load and the watch over it, in the order in which they must end.
struct Bench {
  enum class Node : std::uint8_t { is_empty, has_jobs };
  /// Throws std::runtime_error when the node should be empty and is not.
  Bench(const Settings& settings, std::uint32_t subjects, Node node = Node::is_empty);

  void submit_in_bulk(std::vector<JobSource>& sources, std::chrono::seconds limit = step_limit);
  void drain(const WorkerSettings& settings);
  /// Submits and works at the same time.
  void submit_and_drain(std::vector<JobSource>& sources, const WorkerSettings& settings, std::chrono::seconds limit);
  /// Throws std::runtime_error with what went wrong, if anything did. Notes how many executions were repeated.
  void judge(Measurements& out) const;
  /// Does nothing for a while.
  void rest(std::chrono::seconds duration);

  Loop loop;
  Checker checker;
  Label label;
};

/// Bulk submits come over two connections, each with its own half of the subjects, so that the order within each is known.
std::vector<JobSource> halves(std::uint64_t jobs, std::uint32_t subjects);

/// Resident memory of the node after it was left alone for `rest`. Throws std::runtime_error when nobody said which it is.
double resident_after_mb(Bench& bench, const Settings& settings, std::chrono::seconds rest);

/// The same after a load and its end: what any load makes grow once (threads, connections, caches) is nobody's cost.
double warmed_up_mb(const Settings& settings, std::chrono::seconds rest);

/// Percentiles; sorts `values`.
void add_latencies(Measurements& out, const std::string& name, std::vector<double>& values);

/// Jobs at a fixed rate over random subjects, whether or not earlier ones were answered.
void open_loop(const Settings& settings, Bench& bench, Measurements& out);

// After a restart, when the node may not listen yet.
std::unique_ptr<client::Client> open_client(const Settings& settings);
double seconds_since(double unix_seconds);
/// Asks until `answered` says so. Throws std::runtime_error when it does not.
void insist(const std::function<bool()>& answered);

// Workloads that have a file of their own.
void backlog(const Settings& settings, Measurements& out);
void backlog_reload(const Settings& settings, Measurements& out);
void latency(const Settings& settings, Measurements& out);
void holds(const Settings& settings, Measurements& out);
void memory(const Settings& settings, Measurements& out);
void journal_limit(const Settings& settings, Measurements& out);
void transactions(const Settings& settings, Measurements& out);
void scheduled(const Settings& settings, Measurements& out);
void crash_fill(const Settings& settings, Measurements& out);
void crash_recover(const Settings& settings, Measurements& out);

} // namespace turnwise::bench
