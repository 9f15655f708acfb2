#include "actors/lane.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <iterator>

namespace turnwise::actors {
namespace {

// A batch is bounded, so that neither a commit nor the memory of a statement grows without end.
constexpr std::size_t batch_rows_max = 5'000;

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
  queued_rows_.fetch_sub(shard.waiting.size(), std::memory_order_relaxed);
  std::erase(dirty_, holding.shard);
  shard = Shard{holding, generation, std::move(counter), std::move(listener), {}, std::nullopt};
}

void Lane::detach(model::ShardId id, Generation generation) {
  const std::lock_guard lock(mutex_);
  if (const auto found = shards_.find(id); found != shards_.end() && found->second.generation == generation) {
    queued_rows_.fetch_sub(found->second.waiting.size(), std::memory_order_relaxed);
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
  {
    const std::lock_guard lock(mutex_);
    const auto found = shards_.find(id);
    if (found == shards_.end() || found->second.generation != generation) {
      return;
    }
    queued_rows_.fetch_add(records.size(), std::memory_order_relaxed);
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
  std::vector<model::ShardId> still_dirty;
  for (const model::ShardId id : dirty_) {
    const Shard& shard = shards_.find(id)->second;
    const std::size_t count = std::min(shard.waiting.size(), batch_rows_max - total);
    if (count > 0) {
      batch.parts.push_back({shard.holding, shard.generation, shard.counter, shard.listener, count});
      total += count;
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
      queued_rows_.fetch_sub(found->second.waiting.size(), std::memory_order_relaxed);
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

/// `rows` of those taken over are done with.
void Lane::settle(std::uint64_t rows) {
  queued_rows_.fetch_sub(rows, std::memory_order_relaxed);
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
