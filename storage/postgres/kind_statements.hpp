// The SQL of kinds.
#pragma once

#include <string_view>

namespace turnwise::storage::postgres::sql {

/// $1 the revision that the reader knows. One row without a kind when there is none left. One statement is one snapshot: the
/// number and the kinds belong together. Not "greater": a server that was set back to an older state is read as well.
inline constexpr std::string_view kinds_since = R"sql(
  SELECT r.revision, k.name, k.revision, k.max_attempts, k.backoff_initial_ms, k.backoff_factor, k.backoff_max_ms,
         k.backoff_jitter, k.on_failure, k.timeout_ms, k.lease_ms, k.concurrency,
         (extract(epoch FROM k.paused_at) * 1000000)::bigint, k.paused_by, k.paused_why,
         k.push_url, k.push_timeout_ms, k.push_secrets
    FROM turnwise.kind_revision AS r LEFT JOIN turnwise.kind AS k ON true
   WHERE r.revision <> $1
   ORDER BY k.revision)sql";

/// Takes the next number, and holds all others who change kinds until the end of the transaction.
inline constexpr std::string_view next_kind_revision =
    "UPDATE turnwise.kind_revision SET revision = revision + 1 RETURNING revision";

/// $1 name. Columns as of kinds_since.
inline constexpr std::string_view kind_named = R"sql(
  SELECT k.revision, k.name, k.revision, k.max_attempts, k.backoff_initial_ms, k.backoff_factor, k.backoff_max_ms,
         k.backoff_jitter, k.on_failure, k.timeout_ms, k.lease_ms, k.concurrency,
         (extract(epoch FROM k.paused_at) * 1000000)::bigint, k.paused_by, k.paused_why,
         k.push_url, k.push_timeout_ms, k.push_secrets
    FROM turnwise.kind AS k WHERE k.name = $1)sql";

inline constexpr std::string_view count_kinds = "SELECT count(*) FROM turnwise.kind";

/// $1 name, $2 revision, $3 max_attempts, $4 to $7 backoff, $8 on_failure, $9 timeout, $10 lease, $11 concurrency,
/// $12 paused at, in microseconds since 1970, $13 by, $14 why, $15 to $17 push.
inline constexpr std::string_view store_kind = R"sql(
  INSERT INTO turnwise.kind AS k (name, revision, max_attempts, backoff_initial_ms, backoff_factor, backoff_max_ms,
                                  backoff_jitter, on_failure, timeout_ms, lease_ms, concurrency, paused_at, paused_by,
                                  paused_why, push_url, push_timeout_ms, push_secrets)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
          timestamptz 'epoch' + $12::bigint * interval '1 microsecond', $13, $14, $15, $16, $17::jsonb)
  ON CONFLICT (name) DO UPDATE
     SET revision = excluded.revision, max_attempts = excluded.max_attempts,
         backoff_initial_ms = excluded.backoff_initial_ms, backoff_factor = excluded.backoff_factor,
         backoff_max_ms = excluded.backoff_max_ms, backoff_jitter = excluded.backoff_jitter,
         on_failure = excluded.on_failure, timeout_ms = excluded.timeout_ms, lease_ms = excluded.lease_ms,
         concurrency = excluded.concurrency, paused_at = excluded.paused_at, paused_by = excluded.paused_by,
         paused_why = excluded.paused_why, push_url = excluded.push_url, push_timeout_ms = excluded.push_timeout_ms,
         push_secrets = excluded.push_secrets)sql";

/// $1 name.
inline constexpr std::string_view forget_kind = "DELETE FROM turnwise.kind WHERE name = $1";

} // namespace turnwise::storage::postgres::sql
