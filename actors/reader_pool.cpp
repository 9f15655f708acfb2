#include "actors/reader_pool.hpp"

namespace turnwise::actors {

ReaderPool::ReaderPool(storage::Store& store, std::uint32_t threads) {
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
  }
  work_.notify_all();
}

bool ReaderPool::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() >= waiting_max) {
      return false;
    }
    waiting_.push_back(std::move(job));
  }
  work_.notify_one();
  return true;
}

void ReaderPool::run(storage::JournalReader& reader) {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) {
        return;
      }
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job(reader);
  }
}

} // namespace turnwise::actors
