// Membership and shards in memory, and the store that hands out its parts.
#include "storage/memory/store.hpp"

#include <algorithm>

#include "model/test_hooks.hpp"
#include "storage/memory/content.hpp"
#include "storage/memory/journal.hpp"

namespace turnwise::storage {
namespace memory {
namespace {

class OwnershipTables final : public Ownership {
public:
  explicit OwnershipTables(std::shared_ptr<Content> content) : content_(std::move(content)) {}

  Result<ServerFacts> server() override {
    return ServerFacts{.version = 150000,
                       .fsync = true,
                       .full_page_writes = true,
                       .synchronous_commit = "on",
                       .encoding = "UTF8",
                       .read_only = false};
  }

  Result<ClusterMeta> meta() override {
    return ClusterMeta{.cluster_id = "memory",
                       .shard_count = static_cast<std::uint16_t>(content_->shards.size()),
                       .hash = "sha256-64",
                       .protocol_version = 1};
  }

  Result<std::size_t> join(const NodeInfo& node, std::chrono::milliseconds ttl) override {
    const std::lock_guard lock{content_->mutex};
    std::size_t dead = 0;
    for (auto& [incarnation, other] : content_->nodes) {
      if (incarnation != node.incarnation && other.info.address == node.address && !other.dead) {
        content_->declare_dead(other);
        ++dead;
      }
    }
    const auto lease_until = std::chrono::steady_clock::now() + ttl;
    content_->nodes.try_emplace(node.incarnation, Node{.info = node, .dead = false, .beats = 0, .lease_until = lease_until});
    return dead;
  }

  Result<Beat> beat(Incarnation node, std::chrono::milliseconds ttl) override {
    const std::lock_guard lock{content_->mutex};
    if (is_alive(node)) {
      Node& row = content_->nodes.at(node);
      ++row.beats;
      row.lease_until = std::chrono::steady_clock::now() + ttl;
    }
    const auto wall = std::chrono::time_point_cast<model::microseconds>(std::chrono::system_clock::now());
    return Beat{.wall = wall, .alive = is_alive(node)};
  }

  Result<std::vector<Peer>> peers(Incarnation except) override {
    const std::lock_guard lock{content_->mutex};
    std::vector<Peer> found;
    for (const auto& [incarnation, node] : content_->nodes) {
      if (incarnation != except && !node.dead) {
        found.push_back({incarnation, node.beats, node.lease_until < std::chrono::steady_clock::now()});
      }
    }
    return found;
  }

  Result<bool> declare_dead(Incarnation peer) override {
    const std::lock_guard lock{content_->mutex};
    const auto found = content_->nodes.find(peer);
    if (found == content_->nodes.end() || found->second.lease_until >= std::chrono::steady_clock::now()) {
      return false;
    }
    content_->declare_dead(found->second);
    return true;
  }

  Result<std::vector<ShardRow>> shards() override {
    const std::lock_guard lock{content_->mutex};
    std::vector<ShardRow> rows;
    for (const auto& shard : content_->shards) {
      rows.push_back({ShardId{static_cast<std::uint16_t>(rows.size())}, shard.epoch, shard.owner.has_value()});
    }
    return rows;
  }

  Result<std::vector<Holding>> acquire(Incarnation node, std::span<const Holding> seen) override {
    const std::lock_guard lock{content_->mutex};
    std::vector<Holding> taken;
    if (const auto last = std::ranges::find(seen, Epoch{model::epoch_limit - 1}, &Holding::epoch); last != seen.end()) {
      return model::Error{model::Errc::internal, "a shard has reached its last epoch", {}};
    }
    for (const auto& holding : seen) {
      auto& shard = content_->shards.at(holding.shard.value());
      const Epoch next{holding.epoch.value() + 1};
      if (is_alive(node) && !shard.owner && shard.epoch == holding.epoch) {
        shard.owner = node;
        shard.epoch = next;
      }
      if (shard.owner == node && shard.epoch == next) {
        taken.push_back({holding.shard, next});
      }
    }
    std::ranges::sort(taken);
    return taken;
  }

  Result<model::Done> release(Incarnation node, std::span<const Holding> holdings) override {
    const std::lock_guard lock{content_->mutex};
    for (const auto& holding : holdings) {
      if (content_->is_held(node, holding)) {
        content_->free(content_->shards[holding.shard.value()]);
      }
    }
    return model::Done{};
  }

  Result<model::Done> leave(Incarnation node) override {
    const std::lock_guard lock{content_->mutex};
    if (const auto found = content_->nodes.find(node); found != content_->nodes.end()) {
      content_->declare_dead(found->second);
    }
    return model::Done{};
  }

  Result<Segments> extend_journal(const SegmentEnd& end) override {
    const std::lock_guard lock{content_->mutex};
    auto& segments = content_->segments;
    const auto& [number, newest] = *segments.rbegin();
    const bool is_old = std::chrono::steady_clock::now() - newest.created_at > end.age_max;
    if (newest.rows > end.rows_max || (is_old && newest.rows > end.rows_min)) {
      segments.try_emplace(number + 1);
    }
    return Segments{segments.rbegin()->first, segments.size()};
  }

  Result<std::vector<Laggard>> laggards(Incarnation owner, std::uint64_t segment) override {
    const std::lock_guard lock{content_->mutex};
    std::vector<Laggard> found;
    for (std::size_t id = 0; id < content_->shards.size(); ++id) {
      const auto& shard = content_->shards[id];
      if (shard.owner == owner && shard.replay_from < segment) {
        const auto first = shard.firsts.lower_bound(segment);
        found.push_back({ShardId{static_cast<std::uint16_t>(id)}, first == shard.firsts.end() ? Sequence{} : first->second});
      }
    }
    return found;
  }

  Result<model::Done> advance_replay(Incarnation owner, std::span<const Holding> holdings, std::uint64_t segment) override {
    const std::lock_guard lock{content_->mutex};
    const std::uint64_t from = segment + (TURNWISE_MUTANT("M14") ? 1 : 0);
    for (const auto& holding : holdings) {
      if (content_->is_held(owner, holding)) {
        auto& shard = content_->shards[holding.shard.value()];
        shard.replay_from = std::max(shard.replay_from, from);
      }
    }
    return model::Done{};
  }

  Result<std::size_t> drop_segments(const Retention& retention) override {
    const std::lock_guard lock{content_->mutex};
    std::size_t dropped = 0;
    while (content_->may_drop_oldest(retention)) {
      content_->drop_oldest();
      ++dropped;
    }
    return dropped;
  }

  Result<std::optional<Kinds>> kinds_since(std::uint64_t revision) override {
    const std::lock_guard lock{content_->mutex};
    return content_->kinds.since(revision);
  }

  Result<model::Kind> change_kind(const model::KindChange& change) override {
    const std::lock_guard lock{content_->mutex};
    return content_->kinds.change(change, std::chrono::time_point_cast<model::microseconds>(std::chrono::system_clock::now()));
  }

  /// As a database in which none was made.
  Result<std::optional<TokensRead>> tokens(std::uint64_t known) override {
    constexpr std::uint64_t only_version = 1;
    return known == only_version ? std::optional<TokensRead>{} : std::optional{TokensRead{only_version, {}}};
  }

private:
  [[nodiscard]] bool is_alive(Incarnation node) const {
    const auto found = content_->nodes.find(node);
    return found != content_->nodes.end() && !found->second.dead;
  }

  std::shared_ptr<Content> content_;
};

class MemoryStore final : public Store {
public:
  MemoryStore(std::uint16_t shard_count, MemoryFaults faults)
      : content_(std::make_shared<Content>(shard_count, std::move(faults))) {}

  std::unique_ptr<JournalWriter> open_writer() override { return std::make_unique<Writer>(content_); }
  std::unique_ptr<JournalReader> open_reader() override { return std::make_unique<Reader>(content_); }
  std::unique_ptr<Ownership> open_ownership() override { return std::make_unique<OwnershipTables>(content_); }

private:
  std::shared_ptr<Content> content_;
};

} // namespace
} // namespace memory

std::unique_ptr<Store> open_memory(std::uint16_t shard_count, MemoryFaults faults) {
  return std::make_unique<memory::MemoryStore>(shard_count, std::move(faults));
}

} // namespace turnwise::storage
