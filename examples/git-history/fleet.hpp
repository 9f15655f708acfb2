// The processes of a run: workers, and the node where it is ours. Starts them again when they end, and kills them at random.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "examples/git-history/child_process.hpp"

namespace turnwise::git_history {

struct FleetSettings {
  std::vector<std::string> node_command; ///< empty: the node is somebody else's
  std::vector<std::vector<std::string>> worker_commands;
  std::string node_log;
  std::string worker_log;
  std::string url;
};

/// Used by one thread, which must live as long: the processes end with it.
class Fleet {
public:
  explicit Fleet(FleetSettings settings) : settings_(std::move(settings)) {}
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet() { stop(); }

  /// Starts the node, waits until it serves, then starts the workers. Throws std::runtime_error when the node does not come up.
  void start();
  /// Starts again what has ended. Counts what has ended by itself.
  void revive();
  void kill_node();
  void kill_worker(std::size_t index);
  /// Lets everything end by itself, and kills what takes too long. May be called again.
  void stop();

  [[nodiscard]] bool owns_node() const { return !settings_.node_command.empty(); }
  [[nodiscard]] std::size_t worker_count() const { return settings_.worker_commands.size(); }
  [[nodiscard]] unsigned node_kills() const { return node_kills_; }
  [[nodiscard]] unsigned worker_kills() const { return worker_kills_; }
  /// Sentences about processes that ended though nobody killed them.
  [[nodiscard]] const std::vector<std::string>& surprises() const { return surprises_; }

private:
  void start_node();
  void start_worker(std::size_t index);
  void wait_until_ready();
  void surprise(const std::string& who, int status);

  FleetSettings settings_;
  ChildProcess node_;
  std::vector<ChildProcess> workers_;
  unsigned node_kills_{};
  unsigned worker_kills_{};
  std::vector<std::string> surprises_;
};

/// Decides when what is killed, from a seed.
class Nemesis {
public:
  Nemesis(std::uint64_t seed, std::chrono::milliseconds interval);
  /// Kills something if it is time. The node in half of the cases, else a worker, now and then everything at once.
  void act(Fleet& fleet);

private:
  void wait_again();
  std::mt19937_64 random_;
  std::chrono::milliseconds interval_;
  std::chrono::steady_clock::time_point next_;
};

/// A port of the loopback address that is free now.
std::uint16_t free_port();

} // namespace turnwise::git_history
