// Limits of version 1: what may be how large. docs/LIMITS.md lists them for users.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace turnwise::model {

inline constexpr std::size_t subject_bytes_max = 255;
inline constexpr std::size_t kind_bytes_max = 128;
inline constexpr std::size_t worker_bytes_max = 128;
inline constexpr std::size_t idempotency_key_bytes_max = 255;
inline constexpr std::size_t payload_bytes_max = 256 * 1024;
inline constexpr std::size_t result_bytes_max = 64 * 1024;
inline constexpr std::size_t error_bytes_max = 8 * 1024;
inline constexpr std::size_t metadata_bytes_max = 4 * 1024;
inline constexpr std::size_t hold_owner_bytes_max = 128;
inline constexpr std::size_t pause_words_bytes_max = 1024;
inline constexpr std::size_t token_owner_bytes_max = 128;
/// Holds of one subject that wait for their turn.
inline constexpr std::size_t waiting_holds_max = 1'000;
inline constexpr std::size_t attempts_shown_max = 20;
inline constexpr std::uint32_t max_attempts_max = 1'000'000;
inline constexpr std::uint32_t kinds_max = 10'000;
/// Kinds of a cluster that may have settings or be paused: every node reads all of them when one has changed.
inline constexpr std::uint32_t kinds_with_settings_max = 1'000;
inline constexpr std::uint32_t kind_concurrency_max = 1'000'000;
inline constexpr std::size_t batch_items_max = 10'000;
/// As many shards as the id of a job has room for.
inline constexpr std::uint32_t shard_count_max = 1'024;
/// How far ahead a delay may reach; a longer one counts as this.
inline constexpr std::chrono::milliseconds delay_max{std::chrono::years{100}};
/// Records that one Tick makes at most; what is left is due at once again.
inline constexpr std::size_t tick_records_max = 1'000;

inline constexpr std::chrono::milliseconds lease_min{3'000};
inline constexpr std::chrono::milliseconds lease_max{std::chrono::hours{24}};
inline constexpr std::chrono::milliseconds lease_default{30'000};
inline constexpr std::chrono::milliseconds hold_wait_max{30'000};
/// The clocks of two machines run apart by less than this fraction: a node waits that much longer than it granted.
inline constexpr double clock_rate_bound = 0.01;

static_assert(metadata_bytes_max < payload_bytes_max);
static_assert(lease_min < lease_default && lease_default < lease_max);

} // namespace turnwise::model
