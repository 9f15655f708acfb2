// What holds for each kind on this node at this moment: its settings as last read from PostgreSQL, how many of its jobs run and
// wait here, its figures. Shards and the dispatcher ask for every job, so asking costs an atomic load and no lock.
//
// A limit is kept by permits: the dispatcher takes one for each job that it has a shard start, and the shard gives it back when
// the start came to nothing, or when the end of the attempt is durable. Attempts that a shard finds running when it is read
// have one each, whatever the limit.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/engine.hpp"
#include "actors/kind_metrics.hpp"
#include "model/kind.hpp"
#include "model/kind_table.hpp"
#include "model/mailbox.hpp"
#include "storage/kinds.hpp"

namespace turnwise::actors {

/// One kind. Thread-safe.
class LiveKind {
public:
  LiveKind(std::string name, const KindMetrics& metrics) : figures(metrics) { kind_.name = std::move(name); }

  /// Grows with every change of the settings; zero: there never were any.
  [[nodiscard]] std::uint32_t version() const { return version_.load(std::memory_order_acquire); }
  [[nodiscard]] model::Policy policy() const;
  [[nodiscard]] model::Kind kind() const;
  /// @returns whether it changes anything
  bool apply(const model::Kind& kind);

  [[nodiscard]] bool is_paused() const;
  [[nodiscard]] bool is_limited() const { return limit_.load() != unlimited; }
  [[nodiscard]] bool is_full() const { return permits_.load() >= limit_.load(); }
  [[nodiscard]] std::uint32_t limit() const { return limit_.load(); }

  /// @returns how many of the permits wanted are given: none while the kind is paused or full
  std::uint32_t take_permits(std::uint32_t wanted);
  /// A permit beyond any limit, for what runs already.
  void adopt() { ++permits_; }
  /// @returns whether jobs may start that could not before: the dispatcher is to be told
  [[nodiscard]] bool give_back(std::uint32_t count);

  std::atomic<std::int64_t> waiting{}; ///< jobs in mailboxes of this node that do not run
  std::atomic<std::int64_t> running{}; ///< jobs with the turn
  const KindMetrics figures;

private:
  static constexpr std::uint32_t unlimited = std::numeric_limits<std::uint32_t>::max();

  std::atomic<std::uint32_t> permits_{};
  std::atomic<std::uint32_t> limit_{unlimited};
  std::atomic<bool> paused_{};
  std::atomic<std::uint32_t> version_{};
  mutable std::mutex mutex_;
  model::Kind kind_; // guarded
};

/// All kinds that this node has seen. Thread-safe; what at() returns stays where it is.
class LiveKinds : public model::KindWaits {
public:
  LiveKinds(model::KindTable& names, caf::telemetry::metric_registry& registry);
  ~LiveKinds() override;
  LiveKinds(const LiveKinds&) = delete;
  LiveKinds& operator=(const LiveKinds&) = delete;

  LiveKind& at(model::KindId id);

  /// Takes these settings over, and none for all other kinds. @returns whether anything has changed
  bool apply(const storage::Kinds& kinds);
  bool apply(const model::Kind& kind);

  /// Calls `changed` now and after every apply() that has changed anything. An empty one ends that.
  void watch(std::function<void()> changed);

  [[nodiscard]] std::optional<model::KindWait> wait_of(model::KindId id) const override;
  [[nodiscard]] std::vector<KindStatus> list() const;
  [[nodiscard]] std::optional<KindStatus> find(const std::string& name) const;
  /// Sets the gauges of all kinds, for whoever is about to read them.
  void publish() const;

private:
  /// Kinds are found by number in chunks of which each has twice as many places as the one before.
  static constexpr std::uint32_t first_chunk = 64;
  static constexpr std::size_t chunks_max = 27;
  using Place = std::atomic<LiveKind*>;
  struct Address {
    std::size_t chunk{};
    std::uint32_t offset{};
  };
  static Address address_of(model::KindId id);
  [[nodiscard]] LiveKind* known(model::KindId id) const;
  LiveKind& add(model::KindId id);
  [[nodiscard]] KindStatus status_of(model::KindId id) const;
  bool apply_one(const model::Kind& kind);
  void tell_watcher();

  model::KindTable& names_;
  caf::telemetry::metric_registry& registry_;
  std::array<std::atomic<Place*>, chunks_max> chunks_{};
  mutable std::mutex mutex_; // for what follows
  std::vector<std::unique_ptr<Place[]>> places_;
  std::deque<LiveKind> kinds_;
  std::optional<KindMetrics> other_;
  std::mutex watcher_mutex_; // held while the watcher is called, which asks for the kinds
  std::function<void()> watcher_;
};

} // namespace turnwise::actors
