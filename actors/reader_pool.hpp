// Threads that read the journal, one connection each, so that no actor ever waits for PostgreSQL.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "storage/ownership.hpp"

namespace turnwise::actors {

class ReaderPool {
public:
  /// Runs on a reader thread. Must not throw.
  using Job = std::function<void(storage::JournalReader&)>;

  ReaderPool(storage::Store& store, std::uint32_t threads);
  /// Ends after the jobs under way; those that wait are dropped.
  ~ReaderPool();
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  /// Queues a job. Thread-safe.
  /// @returns false when too many wait; the job is not run then, and the caller answers `unavailable`.
  [[nodiscard]] bool submit(Job job);

private:
  static constexpr std::size_t waiting_max = 100'000;

  void run(storage::JournalReader& reader);

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Job> waiting_;
  bool stopping_{};
  std::vector<std::unique_ptr<storage::JournalReader>> readers_;
  std::vector<std::jthread> threads_;
};

} // namespace turnwise::actors
