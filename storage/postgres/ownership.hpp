// The keeper's connection: membership, shards, and what the server says of itself.
#pragma once

#include "storage/ownership.hpp"
#include "storage/postgres/connection.hpp"

namespace turnwise::storage::postgres {

class OwnershipTables final : public Ownership {
public:
  explicit OwnershipTables(PostgresOptions options) : connection_(std::move(options), "") {}

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
  Result<model::Done> extend_journal(std::uint64_t rows_max) override;

private:
  Connection connection_;
};

} // namespace turnwise::storage::postgres
