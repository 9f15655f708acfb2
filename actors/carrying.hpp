// What a shard has under way while it carries open entries into the newest segment, and what a node shares for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/command.hpp"
#include "storage/journal.hpp"

namespace turnwise::actors {

/// How many shards of a node carry at the same time: with the pause between two portions this bounds what carrying takes from
/// the lanes. Thread-safe.
class CarryPermits {
public:
  class Permit {
  public:
    explicit Permit(CarryPermits& from) : from_(from) {}
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ~Permit() { from_.taken_.fetch_sub(1, std::memory_order_relaxed); }

  private:
    CarryPermits& from_;
  };

  /// Null when all are taken.
  std::unique_ptr<Permit> take() {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < permits) {
      return std::make_unique<Permit>(*this);
    }
    taken_.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }

private:
  static constexpr int permits = 4;
  std::atomic<int> taken_{};
};

/// Shards that have carried everything, by the segment with which their replay may begin: from the shards to the keeper.
/// Thread-safe.
class CarriedShards {
public:
  void add(model::ShardId shard, std::uint64_t segment) {
    const std::lock_guard lock(mutex_);
    shards_[shard] = segment;
  }
  std::map<model::ShardId, std::uint64_t> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(shards_, {});
  }

private:
  std::mutex mutex_;
  std::map<model::ShardId, std::uint64_t> shards_;
};

struct Carrying {
  enum class Step : std::uint8_t {
    waiting, ///< for a permit, or for the next portion's time
    listing, ///< subjects say which entries are open
    reading, ///< their bodies are being read
    writing, ///< subjects make the records, which become durable
    ending,  ///< everything is decided, and becomes durable
  };
  struct Subject {
    std::string name;
    model::EntryNumber from; ///< entries before this one have been carried
  };

  std::uint64_t round{}; ///< what subjects still answer to an earlier one is no answer to this one
  std::uint64_t segment{};
  std::uint64_t newest{};
  model::EntryNumber until;
  std::unique_ptr<CarryPermits::Permit> permit;
  Step step{};
  std::vector<Subject> subjects; ///< still to be asked

  // Of the portion under way:
  std::uint32_t awaited{};                                                  ///< answers of subjects
  std::size_t entries{};                                                    ///< in `portion`
  std::unordered_map<std::string, std::vector<model::EntryNumber>> portion; ///< by subject
  std::unordered_map<model::EntryNumber, storage::Body> bodies;
  std::unordered_map<model::EntryNumber, model::Replaced> replaced; ///< since the bodies were asked for
};

} // namespace turnwise::actors
