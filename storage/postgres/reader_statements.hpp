// The SQL of the reader. Every statement on a segment goes by its primary key or by its index of idempotency keys.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace turnwise::storage::postgres::sql {

/// Microseconds since 1970, exactly.
inline constexpr std::string_view at_us = "(extract(epoch FROM at) * 1000000)::bigint";

inline constexpr std::string_view with_time_limit = "SET statement_timeout = '30s'";
inline constexpr std::string_view without_time_limit = "SET statement_timeout = 0";

/// With which segment the replay of a shard ($1) begins.
inline constexpr std::string_view replay_from = "SELECT replay_from FROM turnwise.shard WHERE shard_id = $1";

inline constexpr std::string_view segments_to_replay = R"sql(
  SELECT segment FROM turnwise.segment_shard WHERE shard = $1 AND segment >= $2 ORDER BY segment)sql";

// Lookups of many things at once go through them one by one: the inner query is kept apart (OFFSET 0), so that no plan reads a
// whole segment for a few entries.

/// Where rows of these entries can be: from the segment into which the entry's number falls; when that is gone, from the oldest
/// that is left. $3 true: for open entries, whose opening or carried row no replay misses.
inline constexpr std::string_view segments_of_entries = R"sql(
  SELECT held.segment, wanted.shard, wanted.entry
    FROM unnest($1::smallint[], $2::bigint[]) AS wanted(shard, entry)
   CROSS JOIN LATERAL (
     SELECT h.segment FROM turnwise.segment_shard AS h
      WHERE h.shard = wanted.shard
        AND h.segment >= coalesce((SELECT max(before.segment) FROM turnwise.segment_shard AS before
                                    WHERE before.shard = wanted.shard AND before.first_seq <= wanted.entry), 0)
        AND (NOT $3 OR h.segment >= (SELECT s.replay_from FROM turnwise.shard AS s WHERE s.shard_id = wanted.shard))
     OFFSET 0) AS held)sql";

/// The segments with rows of a shard ($1) since a time ($2, microseconds). A minute's grace: `at` is a
/// node's idea of PostgreSQL's time.
inline constexpr std::string_view segments_since = R"sql(
  SELECT segment FROM turnwise.segment_shard
   WHERE shard = $1
     AND segment >= coalesce((SELECT max(number) FROM turnwise.segment
                               WHERE created_at <= 'epoch'::timestamptz + ($2::bigint - 60000000) * interval '1 microsecond'), 0))sql";

inline std::string journal(std::int64_t segment) {
  return "turnwise.journal_" + std::to_string(segment);
}

/// All rows of a shard without payloads, empty texts for NULL, by entry and sequence across all segments: a merge of their
/// primary keys.
inline std::string replay(std::uint16_t shard, std::span<const std::int64_t> segments) {
  std::string rows;
  for (const auto segment : segments) {
    rows += (rows.empty() ? "" : " UNION ALL ");
    rows += "SELECT shard, entry, seq, at, event, subject, kind, key, detail FROM " + journal(segment);
  }
  return "SELECT entry, seq, " + std::string{at_us} +
         ", event, coalesce(subject, ''), coalesce(kind, ''), coalesce(key, ''), coalesce(detail::text, '') FROM (" + rows +
         ") AS rows WHERE shard = " + std::to_string(shard) + " ORDER BY entry, seq";
}

/// Condition on a row of an entry: that it has the body, or a later one (events submitted, replaced and carried).
inline constexpr std::string_view has_body = "j.event IN (1, 12, 21)";

/// Rows of the entries $1 (shards), $2 (numbers), those of an entry by sequence.
inline std::string rows_of_entries(std::int64_t segment, std::string_view condition) {
  return "SELECT j.shard, j.entry, j.seq, " + std::string{at_us} +
         ", j.event, j.subject, j.kind, j.key, j.detail, j.payload"
         " FROM unnest($1::smallint[], $2::bigint[]) AS wanted(shard, entry) CROSS JOIN LATERAL (SELECT * FROM " +
         journal(segment) + " AS j WHERE j.shard = wanted.shard AND j.entry = wanted.entry AND " + std::string{condition} +
         " ORDER BY j.seq OFFSET 0) AS j";
}

/// Rows of the entry $1 (shard), $2 (number) after the sequence $3, at most history_page_rows of them.
inline constexpr int history_page_rows = 500;
inline std::string history_page(std::int64_t segment) {
  return "SELECT shard, entry, seq, " + std::string{at_us} + ", event, subject, kind, key, detail, payload FROM " +
         journal(segment) + " WHERE shard = $1 AND entry = $2 AND seq > $3 ORDER BY seq LIMIT " +
         std::to_string(history_page_rows);
}

/// What the newest rows of a shard before an entry ($1), as many as $3, say of a subject ($2): how many there are, the smallest
/// entry among them, and the entries of the subject in a text. A merge of the segments' primary keys from their ends.
inline std::string entries_of(std::uint16_t shard, std::span<const std::int64_t> segments) {
  std::string rows;
  for (const auto segment : segments) {
    rows += (rows.empty() ? "" : " UNION ALL ");
    rows += "SELECT shard, entry, event, subject FROM " + journal(segment);
  }
  return "SELECT count(*), coalesce(min(entry), 0), coalesce(string_agg(entry::text, ' ') FILTER (WHERE subject = $2), '')"
         " FROM (SELECT entry, subject FROM (" +
         rows + ") AS rows WHERE shard = " + std::to_string(shard) + " AND entry < $1 ORDER BY entry DESC LIMIT $3) AS newest";
}

/// Of the entries $1 (shards), $2 (numbers) the first row that has the body, and the last `rows_max` others. Error texts of
/// failed attempts are the only texts.
inline std::string outlines(std::int64_t segment, std::size_t rows_max) {
  const std::string of_entry =
      "(SELECT * FROM " + journal(segment) + " AS j WHERE j.shard = wanted.shard AND j.entry = wanted.entry AND ";
  return "SELECT j.shard, j.entry, j.seq, " + std::string{at_us} +
         ", j.event, j.subject, j.kind, j.key, j.detail, CASE WHEN j.event IN (5, 6, 7) THEN j.payload END"
         " FROM unnest($1::smallint[], $2::bigint[]) AS wanted(shard, entry) CROSS JOIN LATERAL (" +
         of_entry + "j.event IN (1, 21) ORDER BY j.seq LIMIT 1) UNION ALL " + of_entry +
         "j.event NOT IN (1, 21) ORDER BY j.seq DESC LIMIT " + std::to_string(rows_max) + ") OFFSET 0) AS j";
}

/// Matches of the keys $2 (subjects), $3 (kinds), $4 (keys) in shard $1 since $5 (microseconds), the latest last. A carried
/// job (event 21) used its key when it was submitted.
inline std::string keys(std::int64_t segment) {
  return R"sql(
    SELECT asked.number, j.entry, j.fingerprint
      FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS asked(subject, kind, key, number)
     CROSS JOIN LATERAL (
       SELECT j.entry, j.seq, j.detail ->> 'fingerprint' AS fingerprint FROM )sql" +
         journal(segment) + R"sql( AS j
        WHERE j.key = asked.key AND j.subject = asked.subject AND j.kind = asked.kind AND j.shard = $1
          AND j.at >= 'epoch'::timestamptz + $5 * interval '1 microsecond'
          AND (j.event <> 21 OR (j.detail ->> 'since')::bigint >= $5)
       OFFSET 0) AS j
     ORDER BY j.seq)sql";
}

} // namespace turnwise::storage::postgres::sql
