// The keeper's connection: membership, shards, and what the server says of itself.
#pragma once

#include "storage/ownership.hpp"
#include "storage/postgres/connection.hpp"

namespace turnwise::storage::postgres {

class OwnershipTables final : public Ownership {
public:
  explicit OwnershipTables(PostgresOptions options) : connection_(std::move(options), time_limits) {}

  Result<ServerFacts> server() override;
  Result<ClusterMeta> meta() override;
  Result<std::size_t> join(const NodeInfo& node, std::chrono::milliseconds ttl) override;
  Result<Beat> beat(Incarnation node, std::chrono::milliseconds ttl) override;
  Result<std::vector<Peer>> peers(Incarnation except) override;
  Result<bool> declare_dead(Incarnation peer) override;
  Result<std::vector<ShardRow>> shards() override;
  Result<std::vector<Holding>> acquire(Incarnation node, std::span<const Holding> seen) override;
  Result<model::Done> release(Incarnation node, std::span<const Holding> holdings) override;
  Result<model::Done> leave(Incarnation node) override;
  Result<Segments> extend_journal(const SegmentEnd& end) override;
  Result<std::vector<Laggard>> laggards(Incarnation owner, std::uint64_t segment) override;
  Result<model::Done> advance_replay(Incarnation owner, std::span<const Holding> holdings, std::uint64_t segment) override;
  Result<std::size_t> drop_segments(const Retention& retention) override;
  Result<std::optional<Kinds>> kinds_since(std::uint64_t revision) override;
  Result<model::Kind> change_kind(const model::KindChange& change) override;
  Result<std::optional<TokensRead>> tokens(std::uint64_t known) override;

private:
  /// A beat is due every second: nothing on this connection may take longer than a node's lease has to give.
  static constexpr auto time_limits = "SET lock_timeout = '2s'; SET statement_timeout = '3s';";

  Connection connection_;
};

} // namespace turnwise::storage::postgres
