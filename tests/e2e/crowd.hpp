// Many clients that do at random what can be asked of a node, whatever happens to it, and remember what they were told. What
// must be true afterwards is in crowd.cpp.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {

class Crowd {
public:
  using Clock = std::chrono::steady_clock;

  /// @param seed  of everything that is drawn; what comes when also depends on threads
  Crowd(const NodeProcess& node, const TestDatabase& database, std::uint64_t seed);
  /// As stop().
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// Begins nothing new; returns when all that was begun has its answer.
  void stop();
  /// Lifts what operators have set, and works until nothing is open any more.
  void settle();

  /// What is not as it was promised: a sentence for each, empty when all is well.
  [[nodiscard]] std::vector<std::string> broken_promises() const;
  /// What never happened, so that the test would say nothing about it.
  [[nodiscard]] std::vector<std::string> missed() const;

private:
  using Random = std::mt19937_64;
  /// The time in which somebody believed to have the turn of a subject.
  struct Turn {
    Clock::time_point begin, end;
    std::string who;
  };
  void run(int number, void (Crowd::*act)(client::Client&, Random&));
  void submit(client::Client& client, Random& random);
  void submit_by_sql(client::Client& client, Random& random);
  void work(client::Client& client, Random& random);
  void hold(client::Client& client, Random& random);
  void operate(client::Client& client, Random& random);
  void end_attempt(client::Client& client, Random& random, const client::Grant& grant);
  void note_turn(const std::string& subject, Turn turn);
  void count(const std::string& what);
  [[nodiscard]] std::string some_job(Random& random) const;

  const NodeProcess& node_;
  const TestDatabase& database_;
  const std::uint64_t seed_;
  std::atomic<bool> stopping_{};
  std::vector<std::thread> threads_;

  mutable std::mutex mutex_; // guards what follows
  std::vector<std::string> accepted_;
  std::map<std::string, std::string> job_of_key_;
  std::map<std::string, int> outcomes_; // accepted successes, by job
  std::map<std::string, std::vector<Turn>> turns_;
  std::map<std::string, int> counts_;
  std::vector<std::string> faults_;
  int committed_by_sql_{};
};

} // namespace turnwise::tests
