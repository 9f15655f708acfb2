// What a store in memory holds: the tables of migrations/ as plain containers under one mutex.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/memory/store.hpp"

namespace turnwise::storage::memory {

struct Shard {
  Epoch epoch;
  std::optional<Incarnation> owner;
  std::map<std::pair<EntryNumber, Sequence>, model::Record> rows; ///< in the order of a replay
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

  mutable std::mutex mutex;
  MemoryFaults faults;
  std::vector<Shard> shards;
  std::map<Incarnation, Node> nodes;
};

} // namespace turnwise::storage::memory
