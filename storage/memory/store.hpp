// A journal in memory with the same rules, for tests: fencing, epochs, numbers, replay. Nothing survives the process.
#pragma once

#include <functional>
#include <memory>

#include "storage/ownership.hpp"

namespace turnwise::storage {

/// What a test may make go wrong; each is asked before the call does anything.
struct MemoryFaults {
  /// Returned instead of appending; `unknown` with `write_anyway` also writes.
  std::function<std::optional<AppendStatus>(std::span<const Row>)> on_append;
  std::function<bool(std::span<const Row>)> write_anyway;
};

/// All writers, readers and ownerships opened from one store share its content. Thread-safe.
std::unique_ptr<Store> open_memory(std::uint16_t shard_count = 256, MemoryFaults faults = {});

} // namespace turnwise::storage
