// A fixed number of threads that run functions handed to them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace turnwise::handlers {

class WorkerThreads {
public:
  /// Throws std::system_error when the system gives no more threads.
  explicit WorkerThreads(std::size_t count);
  /// As stop().
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  /// Runs `work` on a thread that is or becomes free. `work` must not throw. From any thread.
  void post(std::function<void()> work);

  /// Joins the threads. One that is still in its work `patience` later cannot be ended from outside: it is detached, and ends
  /// with its work. What was posted and not begun is dropped.
  void stop(std::chrono::milliseconds patience = std::chrono::seconds(1));

private:
  // Shared with the threads, since a detached one outlives the pool.
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed; ///< work has come, or the end
    std::condition_variable rested;  ///< a thread has ended its work
    std::deque<std::function<void()>> queue;
    bool stopping{};
  };
  struct Worker {
    std::thread thread;
    std::shared_ptr<bool> working; ///< guarded by the mutex
  };
  static void run(const std::shared_ptr<Shared>& shared, const std::shared_ptr<bool>& working);

  std::shared_ptr<Shared> shared_{std::make_shared<Shared>()};
  std::vector<Worker> workers_;
};

} // namespace turnwise::handlers
