// A bounded load of submitters and workers that go on whatever happens to the node or to PostgreSQL, and what must be true
// afterwards, by the journal alone.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {

/// Submits `jobs` keyed jobs over `subjects` subjects from several threads, and works on them, until all are done.
class Load {
public:
  Load(const NodeProcess& node, int jobs, int subjects);
  /// Waits for the end first.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  [[nodiscard]] int completed() const { return completed_; }
  /// Waits until so many jobs are completed.
  void wait_for(int completed);
  /// Waits until every job was acknowledged and completed; fails the test when that takes too long.
  void finish();

private:
  void submit(int first, int step);
  void work(int number);

  const NodeProcess& node_;
  const int jobs_;
  const int subjects_;
  std::atomic<int> acknowledged_{};
  std::atomic<int> completed_{};
  std::atomic<bool> giving_up_{};
  std::vector<std::thread> threads_;
};

/// What is wrong with a journal in which every job must have succeeded: a line per kind of fault, empty when none.
/// Looks for keys with several jobs, jobs without exactly one success, and turns of a subject that overlap or leave the order.
std::string faults_in_journal(const TestDatabase& database, int jobs);

} // namespace turnwise::tests
