// The connection that reads what users' transactions have left.
#pragma once

#include "storage/outside.hpp"
#include "storage/postgres/connection.hpp"

namespace turnwise::storage::postgres {

class OutsideRows final : public OutsideReader {
public:
  explicit OutsideRows(PostgresOptions options);

  Result<std::uint64_t> doorbell() override;
  Result<OutsidePage> read(std::span<const OutsideWanted> wanted, const OutsideBounds& bounds) override;
  Result<std::vector<TurnVerdict>> lock_turns(std::span<const TurnToEnd> turns) override;
  Result<model::Done> unlock_turns(std::span<const std::pair<ShardId, EntryNumber>> turns) override;
  Result<model::Done> tend(const OutsideUpkeep& upkeep) override;

private:
  /// Nothing when the segments are others than those that were known.
  std::optional<OutsidePage> read_known(pqxx::connection& connection, std::span<const OutsideWanted> wanted,
                                        const OutsideBounds& bounds);
  void list_segments(pqxx::connection& connection);

  Connection connection_;
  std::string segments_; ///< as the server lists them; empty: not known
  std::string statement_;
};

} // namespace turnwise::storage::postgres
