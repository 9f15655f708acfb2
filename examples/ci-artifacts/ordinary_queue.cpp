#include "examples/ci-artifacts/handlers.hpp"
#include "examples/ci-artifacts/queue.hpp"

namespace turnwise::ci_artifacts {

namespace {

struct Entry {
  Task task;
  std::uint32_t attempts{};
};

class OrdinaryQueue {
public:
  explicit OrdinaryQueue(const World& world) : world_(world) {}

  void push(std::vector<Task> tasks) {
    const std::lock_guard lock{mutex_};
    for (auto& task : tasks) {
      task.id = std::to_string(++last_id_);
      waiting_.push_back({std::move(task), 0});
    }
    changed_.notify_all();
  }

  /// One worker's life: until nothing waits and nobody runs anything that could leave more behind.
  void work() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [&] { return !waiting_.empty() || running_ == 0; });
      if (waiting_.empty()) {
        return changed_.notify_all();
      }
      auto entry = std::move(waiting_.front());
      waiting_.pop_front();
      ++running_;
      lock.unlock();
      const bool good = attempt(entry.task);
      lock.lock();
      --running_;
      note(std::move(entry), good);
      changed_.notify_all();
    }
  }

  [[nodiscard]] Outcome outcome() const { return outcome_; }

private:
  bool attempt(const Task& task) {
    try {
      handle(world_, task, [&](std::vector<Task> tasks) { push(std::move(tasks)); });
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  void note(Entry entry, bool good) {
    if (good) {
      ++outcome_.done;
      return;
    }
    ++outcome_.failures;
    if (++entry.attempts < attempts_max) {
      waiting_.push_back(std::move(entry));
    } else {
      ++outcome_.given_up;
    }
  }

  const World& world_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> waiting_;
  unsigned running_{};
  std::uint64_t last_id_{};
  Outcome outcome_;
};

} // namespace

Outcome run_ordinary(const World& world, std::vector<Task> tasks, unsigned workers) {
  const auto begin = std::chrono::steady_clock::now();
  OrdinaryQueue queue{world};
  queue.push(std::move(tasks));
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < workers; ++i) {
      threads.emplace_back([&] { queue.work(); });
    }
  }
  auto outcome = queue.outcome();
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return outcome;
}

} // namespace turnwise::ci_artifacts
