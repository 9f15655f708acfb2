// Brings a database's schema to this version: the numbered SQL texts of migrations/, built into the binary.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/errors.hpp"

namespace turnwise::storage {

struct MigrationStatus {
  std::uint32_t number{};
  std::string name;
  bool applied{};
  std::string applied_at; ///< RFC 3339, empty when not applied
};

/// Applies what is missing, under an advisory lock, each in its own transaction. A merged migration whose text has changed
/// since it was applied is refused (Errc::internal with its name). The connection must not go through a pooler.
/// @param connection   a libpq connection string or URI
/// @param shard_count  how many shards a new cluster gets, 1 to 32,767; an existing one keeps its own
/// @returns what was applied by this call.
model::Result<std::vector<MigrationStatus>> migrate(const std::string& connection, std::uint16_t shard_count = 256);

/// All migrations that this binary knows, with what the database has.
model::Result<std::vector<MigrationStatus>> migration_status(const std::string& connection);

} // namespace turnwise::storage
