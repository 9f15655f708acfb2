// Two ways to run the same tasks with the same handlers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "app/client/client.hpp"
#include "examples/ci-artifacts/task.hpp"
#include "examples/ci-artifacts/world.hpp"

namespace turnwise::ci_artifacts {

struct Outcome {
  std::uint64_t done{};
  std::uint64_t failures{}; ///< attempts that ended with an error
  std::uint64_t given_up{}; ///< tasks that failed in every attempt
  double seconds{};
};

/// How often an attempt is made before a task is given up, by both.
inline constexpr std::uint32_t attempts_max = 5;

/// What an ordinary job queue does: a number of workers take the oldest task, whatever it is about, and failed ones go to the
/// end again. Blocks until all tasks, and those that they left behind, are done or given up.
Outcome run_ordinary(const World& world, std::vector<Task> tasks, unsigned workers);

/// When something happened to a task.
using Moment = std::chrono::steady_clock::time_point;
struct Observer {
  std::function<void(const Task&)> started = [](const Task&) {};
  std::function<void(const Task&)> ended = [](const Task&) {};
};

/// Pull workers of a Turnwise node, in this process. Public calls from one thread; errors are std::runtime_error.
class TurnwiseQueue {
public:
  /// @param url  of the node
  /// @param run  marks subjects and kinds of this run on the node, so that it meddles with nobody else's jobs
  TurnwiseQueue(std::string url, std::string run, const World& world, unsigned workers, Observer observer = {});
  TurnwiseQueue(const TurnwiseQueue&) = delete;
  TurnwiseQueue& operator=(const TurnwiseQueue&) = delete;
  /// Ends the workers. What is not done stays with the node.
  ~TurnwiseQueue();

  /// Returns when the node has all of them for good.
  void submit(const std::vector<Task>& tasks);
  /// Waits until nothing is left to do. Throws when nothing has happened for a minute.
  Outcome wait();

private:
  void submit_with(client::Client& client, const std::vector<Task>& tasks, const std::string& key_prefix);
  void expect(const std::string& key_prefix, std::size_t tasks);
  void work(const std::stop_token& stop, unsigned number);
  client::Answer run_one(client::Client& client, const client::Grant& grant);
  void settle(const model::Result<client::Settled>& settled, const client::Answer& answer);
  void report(const std::string& fault);

  std::string url_;
  std::string run_;
  const World& world_;
  Observer observer_;
  client::Client submitter_;
  std::uint64_t submits_{};
  Moment begin_;

  std::mutex mutex_; ///< guards what follows
  std::condition_variable changed_;
  std::uint64_t open_{};
  std::unordered_set<std::string> expected_; ///< what is counted in open_ already
  std::uint64_t events_{};                   ///< grows with everything that happens
  Outcome outcome_;
  std::string fault_;

  std::vector<std::jthread> workers_; ///< last: ends first
};

} // namespace turnwise::ci_artifacts
