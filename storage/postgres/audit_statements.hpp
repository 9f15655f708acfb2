// The SQL of those who read the whole journal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/postgres/reader_statements.hpp"

namespace turnwise::storage::postgres::sql {

inline constexpr std::string_view all_shards = "SELECT shard_id FROM turnwise.shard ORDER BY shard_id";

/// The owner's epoch and where the replay of a shard ($1) begins.
inline constexpr std::string_view shard_standing = "SELECT epoch, replay_from FROM turnwise.shard WHERE shard_id = $1";

/// All segments, oldest first, with the number that is noted as the first of a shard ($1) there.
inline constexpr std::string_view segment_notes = R"sql(
  SELECT s.number, held.first_seq FROM turnwise.segment AS s
    LEFT JOIN turnwise.segment_shard AS held ON held.segment = s.number AND held.shard = $1
   ORDER BY s.number)sql";

/// Keeps a segment from being dropped until the end of the transaction; holds up neither its writers nor its readers.
inline std::string keep_segment(std::uint64_t segment) {
  return "LOCK TABLE " + journal(static_cast<std::int64_t>(segment)) + " IN ACCESS SHARE MODE";
}

/// The rows of a shard in a segment as they were written, without payloads, empty texts for NULL.
inline std::string rows_as_written(std::uint16_t shard, std::uint64_t segment) {
  return "SELECT entry, seq, " + std::string{at_us} +
         ", event, coalesce(subject, ''), coalesce(kind, ''), coalesce(key, ''), coalesce(detail::text, '') FROM " +
         journal(static_cast<std::int64_t>(segment)) + " WHERE shard = " + std::to_string(shard) + " ORDER BY seq";
}

} // namespace turnwise::storage::postgres::sql
