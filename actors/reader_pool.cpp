#include "actors/reader_pool.hpp"

namespace turnwise::actors {

ReaderPool::ReaderPool(storage::Store& store, std::uint32_t threads) : threads_max_(threads) {
  for (std::uint32_t i = 0; i < threads; ++i) {
    readers_.push_back(store.open_reader());
  }
  for (auto& reader : readers_) {
    threads_.emplace_back([this, &reader = *reader] { run(reader); });
  }
}

ReaderPool::~ReaderPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
    patient_.clear();
  }
  work_.notify_all();
}

bool ReaderPool::submit(Job job, Haste haste) {
  {
    const std::lock_guard lock(mutex_);
    auto& queue = haste == Haste::now ? waiting_ : patient_;
    if (stopping_ || queue.size() >= (haste == Haste::now ? waiting_max : patient_max)) {
      return false;
    }
    queue.push_back(std::move(job));
  }
  work_.notify_one();
  return true;
}

void ReaderPool::run(storage::JournalReader& reader) {
  for (;;) {
    Job job;
    bool is_patient = false;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !waiting_.empty() || has_room(); });
      if (stopping_) {
        return;
      }
      is_patient = waiting_.empty();
      auto& queue = is_patient ? patient_ : waiting_;
      patient_running_ += is_patient ? 1 : 0;
      job = std::move(queue.front());
      queue.pop_front();
    }
    job(reader);
    if (is_patient) {
      const std::lock_guard lock(mutex_);
      --patient_running_;
      work_.notify_one();
    }
  }
}

} // namespace turnwise::actors
