// The keeper's part in the life of segments: has new ones made, lets old ones go out of use, and drops them.
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/keeper.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

constexpr unsigned rounds_between_looks = 5;
/// A segment holds at least so many times as many rows as there are open entries. Each of those is carried once in as many
/// segments as are replayed, at least two: so carrying takes less than a tenth of all writes, and never ends a segment by
/// itself.
constexpr std::uint64_t rows_per_open_entry = 5;
/// Beyond so many segments lookups of old entries get slow.
constexpr std::uint64_t segments_wanted_max = 200;

} // namespace

void Keeper::look_after_journal() {
  advance_replay();
  if (rounds_++ % rounds_between_looks == 0) {
    extend_journal();
    carry_open();
    drop_segments();
  }
}

void Keeper::extend_journal() {
  const EngineConfig& config = context_.config;
  // Other nodes have about as many entries per shard.
  const auto owned = static_cast<std::uint64_t>(std::max<std::int64_t>(context_.metrics.shards_owned.value(), 1));
  const auto open_here = static_cast<std::uint64_t>(std::max<std::int64_t>(context_.metrics.jobs_open.value(), 0));
  const std::uint64_t worth_it = rows_per_open_entry * (open_here * context_.cluster.shard_count / owned);
  const auto extended = ownership_->extend_journal(
      {.rows_max = std::max(config.segment_rows_max, worth_it), .rows_min = worth_it, .age_max = config.segment_age_max});
  if (!extended.ok()) {
    spdlog::warn("journal-not-extended why=\"{}\"", extended.error().detail);
    return;
  }
  if (extended->count > segments_wanted_max && extended->newest != segments_.newest) {
    spdlog::warn("many-segments count={} why=\"they are not dropped: retention is long, or a shard has no owner\"",
                 extended->count);
  }
  if (extended->newest != segments_.newest) {
    static_cast<void>(TURNWISE_FAILPOINT("segment-changed"));
  }
  segments_ = *extended;
}

/// Tells shards whose replay begins with a segment that is not among the newest any more.
void Keeper::carry_open() {
  const std::uint64_t in_use = context_.config.segments_replayed;
  if (segments_.newest <= in_use) {
    return;
  }
  const std::uint64_t segment = segments_.newest - in_use + 1;
  const auto laggards = ownership_->laggards(incarnation_, segment);
  if (!laggards.ok()) {
    return; // the next look will do
  }
  for (const storage::Laggard& laggard : *laggards) {
    caf::anon_send((*shards_)[laggard.shard.value()],
                   CarryOpen{segment, segments_.newest, model::EntryNumber{laggard.first.value()}});
  }
}

/// Shards that have carried everything begin their replay later from now on. When that fails they are told to carry again, and
/// say at once that they have.
void Keeper::advance_replay() {
  const auto carried = context_.carried_shards.take();
  if (carried.empty() || TURNWISE_FAILPOINT("before-replay-from")) {
    return;
  }
  std::map<std::uint64_t, std::vector<storage::Holding>> by_segment;
  for (const auto& lane : context_.lanes) {
    for (const storage::Holding& holding : lane->holdings()) {
      if (const auto shard = carried.find(holding.shard); shard != carried.end()) {
        by_segment[shard->second].push_back(holding);
      }
    }
  }
  for (auto& [segment, holdings] : by_segment) {
    std::sort(holdings.begin(), holdings.end());
    const auto advanced = ownership_->advance_replay(incarnation_, holdings, segment);
    if (!advanced.ok()) {
      spdlog::warn("replay-not-advanced segment={} why=\"{}\"", segment, advanced.error().detail);
    }
  }
  static_cast<void>(TURNWISE_FAILPOINT("after-replay-from"));
}

void Keeper::drop_segments() {
  if (segments_.count <= context_.config.segments_replayed || TURNWISE_FAILPOINT("before-drop")) {
    return;
  }
  const auto dropped =
      ownership_->drop_segments({.age_max = context_.config.journal_retention, .bytes_max = context_.config.journal_bytes_max});
  if (!dropped.ok()) {
    spdlog::warn("segments-not-dropped why=\"{}\"", dropped.error().detail);
  } else if (*dropped > 0) {
    static_cast<void>(TURNWISE_FAILPOINT("after-drop"));
    spdlog::info("segments-dropped count={}", *dropped);
  }
}

} // namespace turnwise::actors
