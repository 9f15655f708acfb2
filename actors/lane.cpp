#include "actors/lane.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <iterator>

namespace turnwise::actors {
namespace {

// A batch is bounded, so that neither a commit nor the memory of a statement grows without end.
constexpr std::size_t batch_rows_max = 5'000;
constexpr std::size_t batch_bytes_max = 16U << 20U; // and what the last record adds

} // namespace

Lane::Lane(std::unique_ptr<storage::JournalWriter> writer, model::Incarnation owner, Metrics& metrics)
    : writer_(std::move(writer)), owner_(owner), metrics_(metrics), thread_([this] { run(); }) {}

Lane::~Lane() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
}

// ── From actors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void Lane::attach(storage::Holding holding, std::shared_ptr<ShardCounter> counter, shard_actor listener,
                  Generation generation) {
  const std::lock_guard lock(mutex_);
  Shard& shard = shards_[holding.shard];
  settle(shard.waiting);
  std::erase(dirty_, holding.shard);
  shard = Shard{holding, generation, std::move(counter), std::move(listener), {}, std::nullopt};
}

void Lane::detach(model::ShardId id, Generation generation) {
  const std::lock_guard lock(mutex_);
  if (const auto found = shards_.find(id); found != shards_.end() && found->second.generation == generation) {
    settle(found->second.waiting);
    std::erase(dirty_, id);
    shards_.erase(found);
  }
}

void Lane::expel(model::ShardId id, Generation generation, std::string reason) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = shards_.find(id);
    if (found == shards_.end() || found->second.generation != generation) {
      return; // refused or lost already, and the listener knows
    }
    found->second.expelled = std::move(reason);
    if (found->second.waiting.empty()) {
      dirty_.push_back(id);
    }
  }
  work_.notify_one();
}

void Lane::append(model::ShardId id, Generation generation, std::vector<model::Record> records) {
  std::uint64_t bytes = 0;
  for (const model::Record& record : records) {
    bytes += model::bytes_of(record.body);
  }
  {
    const std::lock_guard lock(mutex_);
    const auto found = shards_.find(id);
    if (found == shards_.end() || found->second.generation != generation) {
      return;
    }
    queued_rows_.fetch_add(records.size(), std::memory_order_relaxed);
    queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    auto& waiting = found->second.waiting;
    if (waiting.empty()) {
      dirty_.push_back(id);
      waiting = std::move(records);
    } else {
      std::move(records.begin(), records.end(), std::back_inserter(waiting));
    }
  }
  work_.notify_one();
}

std::vector<storage::Holding> Lane::holdings() const {
  const std::lock_guard lock(mutex_);
  std::vector<storage::Holding> holdings;
  for (const auto& [id, shard] : shards_) {
    holdings.push_back(shard.holding);
  }
  std::sort(holdings.begin(), holdings.end());
  return holdings;
}

// ── The thread ───────────────────────────────────────────────────────────────────────────────────────────────────────────

void Lane::run() {
  while (auto batch = collect()) {
    write(std::move(*batch));
  }
}

/// Waits for records and takes a batch of them. Nothing at the end.
std::optional<Lane::Batch> Lane::collect() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [&] { return stopping_ || !dirty_.empty(); });
  if (stopping_) {
    return std::nullopt;
  }
  expel_marked();
  Batch batch; // may stay empty
  std::size_t total = 0;
  std::size_t bytes = 0;
  std::vector<model::ShardId> still_dirty;
  for (const model::ShardId id : dirty_) {
    const Shard& shard = shards_.find(id)->second;
    std::size_t count = 0;
    for (; count < shard.waiting.size() && total < batch_rows_max && bytes < batch_bytes_max; ++count, ++total) {
      bytes += model::bytes_of(shard.waiting[count].body);
    }
    if (count > 0) {
      batch.parts.push_back({shard.holding, shard.generation, shard.counter, shard.listener, count});
    }
    if (count < shard.waiting.size()) {
      still_dirty.push_back(id);
    }
  }
  dirty_ = std::move(still_dirty);
  std::sort(batch.parts.begin(), batch.parts.end(), [](const Part& a, const Part& b) { return a.holding < b.holding; });
  batch.rows.reserve(total);
  for (const Part& part : batch.parts) {
    auto& waiting = shards_.find(part.holding.shard)->second.waiting;
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(part.count);
    for (auto record = waiting.begin(); record != end; ++record) {
      batch.rows.push_back({part.holding.shard, model::Sequence{}, std::move(*record)});
    }
    waiting.erase(waiting.begin(), end);
    number(part, std::span(batch.rows).last(part.count));
  }
  return batch;
}

/// No batch is under way now, so nothing of these shards is in doubt.
void Lane::expel_marked() {
  for (const model::ShardId id : dirty_) {
    if (const auto found = shards_.find(id); found->second.expelled) {
      settle(found->second.waiting);
      caf::anon_send(found->second.listener, Refused{found->second.generation, *found->second.expelled});
      shards_.erase(found);
    }
  }
  std::erase_if(dirty_, [&](model::ShardId id) { return !shards_.contains(id); });
}

/// Gives the rows of a part their numbers: a run without a gap.
void Lane::number(const Part& part, std::span<storage::Row> rows) {
  std::uint64_t next = part.counter->take(rows.size());
  for (storage::Row& row : rows) {
    row.sequence = model::Sequence{next++};
  }
}

void Lane::settle(std::span<const model::Record> records) {
  queued_rows_.fetch_sub(records.size(), std::memory_order_relaxed);
  for (const model::Record& record : records) {
    queued_bytes_.fetch_sub(model::bytes_of(record.body), std::memory_order_relaxed);
  }
}

void Lane::settle(std::span<const storage::Row> rows) {
  queued_rows_.fetch_sub(rows.size(), std::memory_order_relaxed);
  for (const storage::Row& row : rows) {
    queued_bytes_.fetch_sub(model::bytes_of(row.record.body), std::memory_order_relaxed);
  }
}

std::vector<storage::Holding> Lane::Batch::holdings() const {
  std::vector<storage::Holding> holdings;
  holdings.reserve(parts.size());
  for (const Part& part : parts) {
    holdings.push_back(part.holding);
  }
  return holdings;
}

} // namespace turnwise::actors
