// The SQL of the writer. Functions that it calls are explained in migrations/0002_journal.sql.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace turnwise::storage::postgres::sql {

inline constexpr std::string_view newest_segment = "SELECT max(number) FROM turnwise.segment";

/// Raises the epochs of the shards that are ours. Waits for whoever holds their rows. `>=`: had an earlier call committed and
/// its answer been lost, the shard would be ours at a higher epoch; the incarnation proves that nobody else raised it.
inline constexpr std::string_view reacquire = R"sql(
  WITH held AS MATERIALIZED (
    SELECT s.shard_id FROM turnwise.shard AS s
      JOIN unnest($2::smallint[], $3::bigint[]) AS claimed(shard_id, epoch) ON s.shard_id = claimed.shard_id
     WHERE s.owner = $1 AND s.epoch >= claimed.epoch
     ORDER BY s.shard_id
       FOR NO KEY UPDATE OF s)
  UPDATE turnwise.shard AS s SET epoch = s.epoch + 1 FROM held WHERE s.shard_id = held.shard_id
  RETURNING s.shard_id, s.epoch)sql";

/// The one segment in which a row of this number can be.
inline constexpr std::string_view segment_of_sequence =
    "SELECT max(segment) FROM turnwise.segment_shard WHERE shard = $1 AND first_seq <= $2";

/// How a batch proves that it may be written. The other two are mutants: tests arm them to see that a missing fence is noticed.
enum class Entrance : std::uint8_t { fenced, without_fence, without_owner };

/// One statement, one round trip, one transaction. $1 owner, $2 shards, $3 epochs, $4 first sequences, $5 segment, then the
/// columns. `entered` is one row, made once and before all others; when the segment is not the newest any more it is filtered
/// out, and nothing is inserted. The arrays are unnested side by side in the select list, where PostgreSQL streams them: in the
/// FROM clause it would copy them first, which made batches of 500 rows and more a fifth slower.
inline std::string append(std::int64_t segment, Entrance entrance) {
  std::string entered = "turnwise.enter_segment($1::uuid, $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint)";
  if (entrance == Entrance::without_fence) {
    entered = "(SELECT $5::bigint WHERE $1::uuid IS NOT NULL OR $2::smallint[] || $4::bigint[] || $3::bigint[] IS NULL)";
  } else if (entrance == Entrance::without_owner) {
    entered =
        "turnwise.enter_segment((SELECT owner FROM turnwise.shard WHERE shard_id = ($2::smallint[])[1] AND $1::uuid IS NOT "
        "NULL), $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint)";
  }
  return "INSERT INTO turnwise.journal_" + std::to_string(segment) + R"sql(
           (shard, entry, seq, at, event, subject, kind, key, detail, payload)
    SELECT unnest($6::smallint[]), unnest($7::bigint[]), unnest($8::bigint[]), unnest($9::timestamptz[]),
           unnest($10::smallint[]), unnest($11::text[]), unnest($12::text[]), unnest($13::text[]), unnest($14::json[]),
           unnest($15::text[])
      FROM )sql" +
         entered + " AS entered(segment) WHERE entered.segment = $5";
}

/// Whether a row is there: $1 shard, $2 entry, $3 sequence.
inline std::string contains(std::int64_t segment) {
  return "SELECT count(*) FROM turnwise.journal_" + std::to_string(segment) + " WHERE shard = $1 AND entry = $2 AND seq = $3";
}

} // namespace turnwise::storage::postgres::sql
