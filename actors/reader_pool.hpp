// Threads that read the journal, one connection each, so that no actor ever waits for PostgreSQL.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
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

  /// What somebody waits for who looks at lists and histories must not keep jobs from starting.
  enum class Haste : std::uint8_t {
    now,   ///< work waits for it
    later, ///< a person does: one thread is left to the others, and few may wait
  };

  /// Queues a job. Thread-safe.
  /// @returns false when too many wait; the job is not run then, and the caller answers `unavailable`.
  [[nodiscard]] bool submit(Job job, Haste haste = Haste::now);

private:
  static constexpr std::size_t waiting_max = 100'000;
  static constexpr std::size_t patient_max = 64;

  void run(storage::JournalReader& reader);
  /// Whether a patient job may begin now.
  [[nodiscard]] bool has_room() const {
    return !patient_.empty() && patient_running_ + 1 < std::max<std::size_t>(threads_max_, 2);
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Job> waiting_;
  std::deque<Job> patient_;
  std::size_t patient_running_{};
  const std::size_t threads_max_;
  bool stopping_{};
  std::vector<std::unique_ptr<storage::JournalReader>> readers_;
  std::vector<std::jthread> threads_;
};

} // namespace turnwise::actors
