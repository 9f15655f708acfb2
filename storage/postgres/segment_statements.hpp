// The SQL of the life of segments. Functions that it calls are explained in migrations/0004_segments.sql.
#pragma once

#include <string_view>

namespace turnwise::storage::postgres::sql {

/// $1 most rows, $2 rows that an old segment must have, $3 milliseconds after which it is old.
inline constexpr std::string_view extend_journal = "SELECT turnwise.extend_journal($1, $2, $3 * interval '1 millisecond')";
inline constexpr std::string_view count_segments = "SELECT count(*) FROM turnwise.segment";

/// $1 owner, $2 segment.
inline constexpr std::string_view laggards = R"sql(
  SELECT s.shard_id, coalesce((SELECT min(h.first_seq) FROM turnwise.segment_shard AS h
                                WHERE h.shard = s.shard_id AND h.segment >= $2), 0)
    FROM turnwise.shard AS s
   WHERE s.owner = $1 AND s.replay_from < $2
   ORDER BY s.shard_id)sql";

/// $1 owner, $2 shards, $3 epochs, $4 segment. Fenced as every write: by owner and epoch, under the row's lock.
inline constexpr std::string_view advance_replay = R"sql(
  WITH held AS MATERIALIZED (
    SELECT s.shard_id FROM turnwise.shard AS s
      JOIN unnest($2::smallint[], $3::bigint[]) AS claimed(shard_id, epoch) ON s.shard_id = claimed.shard_id
     WHERE s.owner = $1 AND s.epoch = claimed.epoch AND s.replay_from < $4
     ORDER BY s.shard_id
       FOR NO KEY UPDATE OF s)
  UPDATE turnwise.shard AS s SET replay_from = $4 FROM held WHERE s.shard_id = held.shard_id)sql";

inline constexpr std::string_view oldest_segment = "SELECT min(number) FROM turnwise.segment";
/// $1 segment, $2 milliseconds of retention, $3 most bytes of the journal, or zero.
inline constexpr std::string_view drop_segment = "SELECT turnwise.drop_segment($1, $2 * interval '1 millisecond', $3)";

} // namespace turnwise::storage::postgres::sql
