#include <fmt/format.h>

#include "actors/engine.hpp"

namespace turnwise::actors {

std::vector<std::string> validate(const EngineConfig& config) {
  std::vector<std::string> faults;
  auto within = [&](const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
    if (value < least || value > most) {
      faults.push_back(fmt::format("{} is {}, and must be from {} to {}", name, value, least, most));
    }
  };
  auto millis = [](milliseconds span) { return static_cast<std::uint64_t>(std::max<std::int64_t>(span.count(), 0)); };

  within("scheduler_threads", config.scheduler_threads, 1, 256);
  within("lanes", config.lanes, 1, 16);
  within("readers", config.readers, 1, 16);
  within("subject_backlog_max", config.subject_backlog_max, 1, 100'000'000);
  within("node_backlog_max", config.node_backlog_max, 1, 1'000'000'000);
  within("lane_queue_rows_max", config.lane_queue_rows_max, 1, 10'000'000);
  within("lane_queue_bytes_max", config.lane_queue_bytes_max, 1U << 20U, 1ULL << 40U);
  within("claims_waiting_max", config.claims_waiting_max, 1, 1'000'000);
  within("beat_ms", millis(config.beat), 10, 10'000);
  within("node_ttl_ms", millis(config.node_ttl), 100, 600'000);
  within("lease_min_ms", millis(config.lease_min), 50, 86'400'000);
  within("drain_max_ms", millis(config.drain_max), 0, 600'000);
  within("segment_rows_max", config.segment_rows_max, 1, 1'000'000'000);
  within("segment_age_max_ms", millis(config.segment_age_max), 1'000, 30ULL * 86'400'000);
  within("segments_replayed", config.segments_replayed, 2, 100);
  if (config.journal_retention < config.idempotency_window) {
    faults.push_back(fmt::format("journal_retention ({} ms) must not be shorter than the window of idempotency keys ({} ms), "
                                 "which are looked up in the journal",
                                 config.journal_retention.count(), config.idempotency_window.count()));
  }
  if (config.node_ttl < 3 * config.beat) {
    faults.push_back(fmt::format("node_ttl ({} ms) must be at least three beats ({} ms each)", config.node_ttl.count(),
                                 config.beat.count()));
  }
  if (config.node_name.empty() || config.node_name.size() > 128) {
    faults.push_back("node_name must have 1 to 128 bytes");
  }
  return faults;
}

} // namespace turnwise::actors
