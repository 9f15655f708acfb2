#include "app/handlers/worker_threads.hpp"

#include <algorithm>
#include <utility>

namespace turnwise::handlers {

WorkerThreads::WorkerThreads(std::size_t count) {
  workers_.reserve(count);
  try {
    for (std::size_t i = 0; i < count; ++i) {
      auto working = std::make_shared<bool>(false);
      workers_.push_back({std::thread([shared = shared_, working] { run(shared, working); }), working});
    }
  } catch (...) {
    stop(); // those that were started
    throw;
  }
}

WorkerThreads::~WorkerThreads() {
  stop();
}

void WorkerThreads::post(std::function<void()> work) {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->stopping) {
    shared_->queue.push_back(std::move(work));
    shared_->changed.notify_one();
  }
}

void WorkerThreads::stop(std::chrono::milliseconds patience) {
  std::vector<std::thread> idle;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->queue.clear();
    shared_->changed.notify_all();
    shared_->rested.wait_for(
        lock, patience, [&] { return std::ranges::none_of(workers_, [](const Worker& worker) { return *worker.working; }); });
    for (auto& worker : workers_) {
      if (*worker.working) {
        worker.thread.detach();
      } else {
        idle.push_back(std::move(worker.thread));
      }
    }
    workers_.clear();
  }
  for (auto& thread : idle) {
    thread.join();
  }
}

void WorkerThreads::run(const std::shared_ptr<Shared>& shared, const std::shared_ptr<bool>& working) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->changed.wait(lock, [&] { return shared->stopping || !shared->queue.empty(); });
    if (shared->stopping) {
      return;
    }
    auto work = std::move(shared->queue.front());
    shared->queue.pop_front();
    *working = true;
    lock.unlock();
    work();
    work = nullptr; // what it holds is let go before the thread counts as idle
    lock.lock();
    *working = false;
    shared->rested.notify_all();
  }
}

} // namespace turnwise::handlers
