// The SQL of the rows that users' transactions leave. Functions that it calls are explained in migrations/0007_outside.sql.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace turnwise::storage::postgres::sql {

inline constexpr std::string_view doorbell = "SELECT last_value - (NOT is_called)::int FROM turnwise.outside_doorbell";

/// $1 bytes, $2 and $3 milliseconds: see OutsideUpkeep.
inline constexpr std::string_view tend_outside =
    "SELECT turnwise.tend_outside($1, $2 * interval '1 millisecond', $3 * interval '1 millisecond')";

/// $1 shards, $2 entries, $3 whether to end the sessions that hold them. A row for each, in order.
inline constexpr std::string_view lock_turns =
    "SELECT verdict, coalesce(completion, 0) FROM turnwise.lock_turns($1::smallint[], $2::bigint[], "
    "$3::smallint[]::int[]::boolean[])";
/// $1 shards, $2 entries.
inline constexpr std::string_view unlock_turns = "SELECT pg_advisory_unlock(turnwise.turn_lock(shard, entry)) FROM "
                                                 "unnest($1::smallint[], $2::bigint[]) AS turn(shard, entry)";

inline constexpr std::string_view outside_segments =
    "SELECT coalesce(array_to_string(array_agg(number ORDER BY number), ','), '') FROM turnwise.outside_segment";

/// All segments as one table; `condition` is about a row `o`.
inline std::string outside_rows(std::span<const std::int64_t> segments, std::string_view condition) {
  std::string rows;
  for (const auto segment : segments) {
    rows.append(rows.empty() ? "" : " UNION ALL ");
    rows.append("(SELECT o.* FROM turnwise.outside_").append(std::to_string(segment)).append(" AS o WHERE ");
    rows.append(condition).append(" ORDER BY o.id LIMIT $6)");
  }
  return rows;
}

/// Rows that are wanted: $1 shards, $2 after which id; $3 shards, $4 and $5 their gaps, from and to; $6 rows per shard, $7
/// bytes in all, $8 the shard to begin with. And on each row, at least on one, which transactions were open, and which segments
/// there are: rows of a segment that the statement does not know would be missed without a trace.
///
/// The number that the next transaction gets is reckoned by age(), which knows it. A snapshot's own xmax is less: the first
/// number after those that have ended, so that a transaction which is open may well have a larger one.
///
/// A shard's rows are cut off at the end only. Sizes are known without the texts, which are fetched for what is told alone.
inline std::string outside_page(std::span<const std::int64_t> segments) {
  return R"sql(
    WITH found AS (
      SELECT o.* FROM unnest($1::smallint[], $2::bigint[]) AS asked(shard, after) CROSS JOIN LATERAL ()sql" +
         outside_rows(segments, "o.shard = asked.shard AND o.id > asked.after") + R"sql() AS o
      UNION ALL
      SELECT o.* FROM unnest($3::smallint[], $4::bigint[], $5::bigint[]) AS gap(shard, first, last) CROSS JOIN LATERAL ()sql" +
         outside_rows(segments, "o.shard = gap.shard AND o.id BETWEEN gap.first AND gap.last") + R"sql() AS o),
    counted AS (
      SELECT found.*, row_number() OVER (PARTITION BY shard ORDER BY id) AS place,
             100 + coalesce(octet_length(payload), 0) + coalesce(octet_length(detail::text), 0) AS bytes
        FROM found),
    summed AS (
      SELECT counted.*, sum(bytes) OVER (ORDER BY shard < $8, shard, id) AS upto, sum(bytes) OVER () AS total
        FROM counted WHERE place <= $6)
    SELECT pg_snapshot_xmin(moment.snapshot)::text,
           pg_snapshot_xmax(moment.snapshot)::text::bigint + age(pg_snapshot_xmax(moment.snapshot)::xid), moment.segments,
           coalesce(page.total > $7, false), page.shard, page.id, page.verb, page.entry, page.subject, page.kind, page.key,
           page.detail, page.payload
      FROM (SELECT pg_current_snapshot() AS snapshot, ()sql" +
         std::string{outside_segments} + R"sql() AS segments) AS moment
      LEFT JOIN (SELECT * FROM summed WHERE upto - bytes < $7) AS page ON true
     ORDER BY page.shard, page.id)sql";
}

} // namespace turnwise::storage::postgres::sql
