// What a store in memory holds: the tables of migrations/ as plain containers under one mutex.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/memory/kinds.hpp"
#include "storage/memory/store.hpp"

namespace turnwise::storage::memory {

struct StoredRecord {
  model::Record record;
  std::uint64_t segment{};
};

struct Shard {
  Epoch epoch;
  std::optional<Incarnation> owner;
  std::map<std::pair<EntryNumber, Sequence>, StoredRecord> rows; ///< in the order of a replay
  std::map<std::uint64_t, Sequence> firsts;                      ///< by segment, the shard's first row there
  std::uint64_t replay_from{1};
};

struct Segment {
  std::chrono::steady_clock::time_point created_at{std::chrono::steady_clock::now()};
  std::uint64_t rows{};
};

struct Node {
  NodeInfo info;
  bool dead{};
  std::uint64_t beats{};
  std::chrono::steady_clock::time_point lease_until;
};

struct Content {
  explicit Content(std::uint16_t shard_count, MemoryFaults to_make) : faults(std::move(to_make)), shards(shard_count) {}

  /// The shard's owner is `owner` at `epoch`. False for shards that do not exist.
  [[nodiscard]] bool is_held(Incarnation owner, const Holding& holding) const {
    const auto index = holding.shard.value();
    return index < shards.size() && shards[index].owner == owner && shards[index].epoch == holding.epoch;
  }
  /// Nobody owns the shard any more. The last epoch is not passed: without an owner nobody can write.
  void free(Shard& shard) const {
    shard.owner.reset();
    if (shard.epoch.value() + 1 < model::epoch_limit) {
      shard.epoch = Epoch{shard.epoch.value() + 1};
    }
  }
  void declare_dead(Node& node) {
    node.dead = true;
    for (auto& shard : shards) {
      if (shard.owner == node.info.incarnation) {
        free(shard);
      }
    }
  }

  /// In memory the bytes of the journal are its rows.
  [[nodiscard]] bool may_drop_oldest(const Retention& retention) const {
    const auto oldest = segments.begin()->first;
    const auto next = segments.find(oldest + 1);
    if (oldest + 2 > segments.rbegin()->first || next == segments.end()) {
      return false;
    }
    std::uint64_t rows = 0;
    for (const auto& [number, segment] : segments) {
      rows += segment.rows;
    }
    const bool is_time = std::chrono::steady_clock::now() - next->second.created_at > retention.age_max ||
                         (retention.bytes_max > 0 && rows > retention.bytes_max);
    return is_time && std::ranges::all_of(shards, [oldest](const Shard& shard) { return shard.replay_from > oldest; });
  }
  void drop_oldest() {
    const auto oldest = segments.begin()->first;
    for (auto& shard : shards) {
      std::erase_if(shard.rows, [oldest](const auto& row) { return row.second.segment == oldest; });
      shard.firsts.erase(oldest);
    }
    segments.erase(oldest);
  }

  mutable std::mutex mutex;
  MemoryFaults faults;
  std::vector<Shard> shards;
  std::map<Incarnation, Node> nodes;
  std::map<std::uint64_t, Segment> segments{{1, Segment{}}};
  KindTable kinds;
};

} // namespace turnwise::storage::memory
