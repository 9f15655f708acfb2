// Which shards this node owns and has not read yet. Jobs of theirs may be running, so while there are any, nobody knows how
// many jobs of a kind run here.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "model/strong.hpp"

namespace turnwise::actors {

/// Thread-safe. Marks are set and taken away as often as one likes.
class LoadingShards {
public:
  explicit LoadingShards(std::size_t shard_count) : marks_(shard_count) {}

  void begin(model::ShardId shard) {
    if (!marks_[shard.value()].exchange(true)) {
      ++count_;
    }
  }
  /// @returns whether this was the last one
  bool end(model::ShardId shard) { return marks_[shard.value()].exchange(false) && --count_ == 0; }
  [[nodiscard]] bool any() const { return count_ > 0; }

private:
  std::vector<std::atomic<bool>> marks_;
  std::atomic<std::int32_t> count_{};
};

} // namespace turnwise::actors
