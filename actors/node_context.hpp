// What all actors of a node share: configuration, clock, kinds, counters, and the threads that talk to PostgreSQL.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/carrying.hpp"
#include "actors/engine.hpp"
#include "actors/intake.hpp"
#include "actors/interfaces.hpp"
#include "actors/lane.hpp"
#include "actors/live_kinds.hpp"
#include "actors/loading_shards.hpp"
#include "actors/metrics.hpp"
#include "actors/reader_pool.hpp"
#include "model/clock.hpp"
#include "model/kind_table.hpp"

namespace turnwise::actors {

/// PostgreSQL's time between two beats: this machine's monotonic clock plus what the last beat showed. Thread-safe.
class NodeClock {
public:
  [[nodiscard]] model::Now now() const {
    const auto mono = model::BootClock::now();
    return {wall_at(mono), mono};
  }
  /// PostgreSQL said `wall` at some moment between `before` and `after`.
  void set(model::WallTime wall, model::MonoTime before, model::MonoTime after) {
    const auto middle = before + (after - before) / 2;
    offset_us_.store((wall.time_since_epoch() - middle.time_since_epoch()).count(), std::memory_order_relaxed);
  }

private:
  [[nodiscard]] model::WallTime wall_at(model::MonoTime mono) const {
    return model::WallTime{mono.time_since_epoch() + model::microseconds{offset_us_.load(std::memory_order_relaxed)}};
  }
  std::atomic<std::int64_t> offset_us_{};
};

/// Until when this node may believe that its shards are its own: an interval that a beat begins. Thread-safe.
class Trust {
public:
  /// A beat that began at `start` gave the node a lease of `ttl`, of which the last part is left as a margin.
  void extend(model::MonoTime start, milliseconds ttl) {
    until_us_.store((start + ttl * 5 / 6).time_since_epoch().count(), std::memory_order_relaxed);
  }
  [[nodiscard]] bool holds() const {
    return model::BootClock::now().time_since_epoch().count() < until_us_.load(std::memory_order_relaxed);
  }

private:
  std::atomic<std::int64_t> until_us_{};
};

/// The tokens as they were read last. Thread-safe; whoever got a set keeps it as it is.
class SharedTokens {
public:
  [[nodiscard]] std::shared_ptr<const model::Tokens> get() const {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }
  [[nodiscard]] std::uint64_t version() const {
    const std::lock_guard lock(mutex_);
    return version_;
  }
  void set(storage::TokensRead read) {
    auto tokens = std::make_shared<const model::Tokens>(std::move(read.tokens));
    const std::lock_guard lock(mutex_);
    tokens_ = std::move(tokens);
    version_ = read.version;
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const model::Tokens> tokens_ = std::make_shared<const model::Tokens>();
  std::uint64_t version_{};
};

/// Lives longer than every actor.
struct NodeContext {
  NodeContext(EngineConfig node_config, storage::ClusterMeta cluster_meta, caf::telemetry::metric_registry& registry)
      : config(std::move(node_config)),
        cluster(std::move(cluster_meta)),
        live_kinds(kinds, registry),
        metrics(registry),
        loading_shards(cluster.shard_count) {}

  EngineConfig config;
  storage::ClusterMeta cluster;
  NodeClock clock;
  Trust trust;
  SharedTokens tokens;
  model::KindTable kinds;
  LiveKinds live_kinds;
  Metrics metrics;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::unique_ptr<ReaderPool> readers;
  EventFeed events;
  std::unique_ptr<Intake> intake; ///< null when the store has no users' transactions
  dispatcher_actor dispatcher;
  std::atomic<std::uint64_t> body_cache_bytes{};
  std::atomic<bool> draining{};
  CarryPermits carry_permits;
  CarriedShards carried_shards;
  LoadingShards loading_shards;

  [[nodiscard]] Lane& lane_of(model::ShardId shard) { return *lanes[shard.value() % lanes.size()]; }
};

} // namespace turnwise::actors
