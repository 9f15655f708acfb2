// A lane: one thread and one PostgreSQL connection that make the records of many shards durable, in batches that size
// themselves: while one is being committed, the next one collects.
//
// The lane numbers the records (each shard has one counter), writes a batch in one fenced transaction, and tells each shard how
// many of its records are durable now. Records handed over are never taken back: they are written sooner or later, or the shard
// is lost, or PostgreSQL refuses one of them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/metrics.hpp"
#include "storage/journal.hpp"

namespace turnwise::actors {

/// The one counter of a shard, from which entries (by the shard) and records (by the lane) get their numbers.
class ShardCounter {
public:
  explicit ShardCounter(model::Epoch epoch) : next_(model::first_number(epoch)) {}
  /// Takes `count` numbers in a row; returns the first.
  std::uint64_t take(std::uint64_t count = 1) { return next_.fetch_add(count, std::memory_order_relaxed); }
  /// All numbers from now on are of this later epoch.
  void move_to(model::Epoch epoch) { next_.store(model::first_number(epoch), std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> next_;
};

class Lane {
public:
  /// Whether a new job should be accepted now.
  enum class Health : std::uint8_t { up, down, no_space };

  Lane(std::unique_ptr<storage::JournalWriter> writer, model::Incarnation owner, Metrics& metrics);
  /// Stops after the batch that is under way. Records that wait are dropped: nobody was told of them.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// From now on records of this shard are taken; what becomes of them is told to `listener`, with this generation.
  void attach(storage::Holding holding, std::shared_ptr<ShardCounter> counter, shard_actor listener, Generation generation);
  /// Forgets the shard and what it has not written yet.
  void detach(model::ShardId shard, Generation generation);
  /// Drops the shard as if its next record were refused, between two batches; its listener is told with Refused.
  void expel(model::ShardId shard, Generation generation, std::string reason);
  /// Takes records over, to be written in this order. Ignored when the shard is not attached with this generation.
  void append(model::ShardId shard, Generation generation, std::vector<model::Record> records);
  /// Where the shards of this lane stand: epochs rise after an unknown outcome.
  [[nodiscard]] std::vector<storage::Holding> holdings() const;

  [[nodiscard]] Health health() const { return health_.load(std::memory_order_relaxed); }
  /// Records that wait for a commit, and about how many bytes they take.
  [[nodiscard]] std::uint64_t queued_rows() const { return queued_rows_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t queued_bytes() const { return queued_bytes_.load(std::memory_order_relaxed); }

private:
  struct Shard {
    storage::Holding holding;
    Generation generation{};
    std::shared_ptr<ShardCounter> counter;
    shard_actor listener;
    std::vector<model::Record> waiting;
    std::optional<std::string> expelled; // why, if it was
  };
  /// One shard's share of a batch: `count` rows, after those of the parts before it.
  struct Part {
    storage::Holding holding;
    Generation generation{};
    std::shared_ptr<ShardCounter> counter;
    shard_actor listener;
    std::size_t count{};
  };
  /// What one transaction writes; parts in ascending order of shards.
  struct Batch {
    std::vector<Part> parts;
    std::vector<storage::Row> rows;
    [[nodiscard]] bool empty() const { return parts.empty(); }
    [[nodiscard]] std::vector<storage::Holding> holdings() const;
  };

  void run();
  std::optional<Batch> collect();
  void expel_marked();
  void write(Batch batch);
  void bisect(Batch batch, const std::string& reason);
  void refuse(const Part& part, const storage::Row& row, const std::string& reason);
  void lose(const Part& part, std::span<const storage::Row> rows);
  void tell_committed(const Batch& batch);
  Batch resolve_unknown(Batch batch);
  Batch renumber_ours(Batch batch);
  std::optional<std::vector<storage::Holding>> reacquire(const Batch& batch);
  Batch keep(Batch batch, const std::vector<storage::Holding>& ours);
  bool refresh(Part& part);
  static void number(const Part& part, std::span<storage::Row> rows);
  void set_health(Health health, const std::string& why);
  bool back_off();
  /// These are not waiting for a commit any more.
  void settle(std::span<const model::Record> records);
  void settle(std::span<const storage::Row> rows);

  const std::unique_ptr<storage::JournalWriter> writer_; // used by the thread only
  const model::Incarnation owner_;
  Metrics& metrics_;

  mutable std::mutex mutex_;
  std::condition_variable work_; // something to write, or the end
  std::unordered_map<model::ShardId, Shard> shards_;
  std::vector<model::ShardId> dirty_; // attached shards with waiting records, or expelled; each once
  bool stopping_{};

  std::atomic<Health> health_{Health::up};
  std::atomic<std::uint64_t> queued_rows_{};
  std::atomic<std::uint64_t> queued_bytes_{};
  std::uint32_t failures_{}; // in a row, for the backoff
  std::jthread thread_;      // last: everything above is there when it starts
};

} // namespace turnwise::actors
