// Membership and shards, a transaction per call.
#include "storage/postgres/ownership.hpp"

#include <algorithm>

#include "storage/postgres/ownership_statements.hpp"
#include "storage/postgres/row_batch.hpp"
#include "storage/postgres/tokens.hpp"

namespace turnwise::storage::postgres {
namespace {

std::string text(std::string_view statement) {
  return std::string{statement};
}

/// Frees what dead nodes own, under the locks of both tables.
void free_orphans(pqxx::work& transaction) {
  transaction.exec(text(sql::lock_orphans));
  transaction.exec(text(sql::free_orphans));
}

} // namespace

Result<ServerFacts> OwnershipTables::server() {
  return connection_.attempt([](pqxx::connection& connection) -> Result<ServerFacts> {
    pqxx::nontransaction transaction{connection};
    const auto row = transaction.exec(text(sql::server_facts)).one_row();
    return ServerFacts{.version = row[0].as<int>(),
                       .fsync = row[1].as<bool>(),
                       .full_page_writes = row[2].as<bool>(),
                       .synchronous_commit = row[3].as<std::string>(),
                       .encoding = row[4].as<std::string>(),
                       .read_only = row[5].as<bool>()};
  });
}

Result<ClusterMeta> OwnershipTables::meta() {
  return connection_.attempt([](pqxx::connection& connection) -> Result<ClusterMeta> {
    pqxx::nontransaction transaction{connection};
    try {
      const auto row = transaction.exec(text(sql::cluster_meta)).one_row();
      return ClusterMeta{.cluster_id = row[0].as<std::string>(),
                         .shard_count = row[1].as<std::uint16_t>(),
                         .hash = row[2].as<std::string>(),
                         .protocol_version = row[3].as<std::uint32_t>()};
    } catch (const pqxx::undefined_table&) {
      return model::Error{model::Errc::unavailable, "this database has no Turnwise schema yet: run `turnwise migrate`", {}};
    }
  });
}

Result<std::size_t> OwnershipTables::join(const NodeInfo& node, std::chrono::milliseconds ttl) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::size_t> {
    const auto incarnation = model::to_uuid(node.incarnation.bits);
    pqxx::work transaction{connection};
    transaction.exec(text(sql::lock_nodes));
    const auto dead = transaction.exec(text(sql::bury_predecessors), pqxx::params{incarnation, node.address}).affected_rows();
    free_orphans(transaction);
    transaction.exec(text(sql::forget_dead));
    transaction.exec(text(sql::insert_node), pqxx::params{incarnation, node.name, node.address});
    transaction.exec(text(sql::insert_beat), pqxx::params{incarnation, ttl.count()});
    transaction.commit();
    return static_cast<std::size_t>(dead);
  });
}

Result<Beat> OwnershipTables::beat(Incarnation node, std::chrono::milliseconds ttl) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<Beat> {
    pqxx::nontransaction transaction{connection};
    const pqxx::params parameters{model::to_uuid(node.bits), ttl.count()};
    const auto beaten = transaction.exec(text(sql::beat), parameters).affected_rows();
    const auto wall_us = transaction.query_value<std::int64_t>(text(sql::wall_clock));
    return Beat{.wall = model::WallTime{model::microseconds{wall_us}}, .alive = beaten != 0};
  });
}

Result<std::vector<Peer>> OwnershipTables::peers(Incarnation except) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::vector<Peer>> {
    std::vector<Peer> found;
    const pqxx::params parameters{model::to_uuid(except.bits)};
    for (const auto& row : pqxx::nontransaction{connection}.exec(text(sql::peers), parameters)) {
      found.push_back({Incarnation{model::from_uuid(row[0].as<std::string>())}, row[1].as<std::uint64_t>(), row[2].as<bool>()});
    }
    return found;
  });
}

Result<bool> OwnershipTables::declare_dead(Incarnation peer) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<bool> {
    pqxx::work transaction{connection};
    transaction.exec(text(sql::lock_nodes));
    const auto buried = transaction.exec(text(sql::bury_silent_node), pqxx::params{model::to_uuid(peer.bits)}).affected_rows();
    free_orphans(transaction);
    transaction.commit();
    return buried != 0;
  });
}

Result<std::vector<ShardRow>> OwnershipTables::shards() {
  return connection_.attempt([](pqxx::connection& connection) -> Result<std::vector<ShardRow>> {
    std::vector<ShardRow> found;
    for (const auto& row : pqxx::nontransaction{connection}.exec(text(sql::shards))) {
      found.push_back({ShardId{row[0].as<std::uint16_t>()}, Epoch{row[1].as<std::uint32_t>()}, row[2].as<bool>()});
    }
    return found;
  });
}

Result<std::vector<Holding>> OwnershipTables::acquire(Incarnation node, std::span<const Holding> seen) {
  if (const auto last = std::ranges::find(seen, Epoch{model::epoch_limit - 1}, &Holding::epoch); last != seen.end()) {
    return model::Error{
        model::Errc::internal, "shard " + std::to_string(last->shard.value()) + " has reached its last epoch", {}};
  }
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::vector<Holding>> {
    const auto incarnation = model::to_uuid(node.bits);
    std::vector<Holding> taken;
    pqxx::work transaction{connection};
    if (transaction.exec(text(sql::hold_active_node), pqxx::params{incarnation}).empty()) {
      return taken;
    }
    HoldingArrays arrays{seen};
    pqxx::params parameters{incarnation};
    arrays.append_to(parameters);
    for (const auto& row : transaction.exec(text(sql::acquire), parameters)) {
      taken.push_back({ShardId{row[0].as<std::uint16_t>()}, Epoch{row[1].as<std::uint32_t>()}});
    }
    transaction.commit();
    std::ranges::sort(taken);
    return taken;
  });
}

Result<model::Done> OwnershipTables::release(Incarnation node, std::span<const Holding> holdings) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<model::Done> {
    HoldingArrays arrays{holdings};
    pqxx::params parameters{model::to_uuid(node.bits)};
    arrays.append_to(parameters);
    pqxx::nontransaction{connection}.exec(text(sql::release), parameters);
    return model::Done{};
  });
}

Result<std::optional<TokensRead>> OwnershipTables::tokens(std::uint64_t known) {
  return connection_.attempt([&](pqxx::connection& connection) { return read_tokens(connection, known); });
}

Result<model::Done> OwnershipTables::leave(Incarnation node) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<model::Done> {
    pqxx::work transaction{connection};
    transaction.exec(text(sql::lock_nodes));
    transaction.exec(text(sql::bury_node), pqxx::params{model::to_uuid(node.bits)});
    free_orphans(transaction);
    transaction.commit();
    return model::Done{};
  });
}

} // namespace turnwise::storage::postgres
