// The SQL of tokens.
#pragma once

#include <string_view>

namespace turnwise::storage::postgres::sql {

inline constexpr std::string_view token_version = "SELECT version FROM turnwise.token_version";

/// $1 how many at most. The collation of `id` is that of bytes, by which the node finds them.
inline constexpr std::string_view good_tokens = R"sql(
  SELECT id, owner, array_to_string(scopes, ','), encode(secret_sha256, 'hex'),
         (extract(epoch FROM expires_at) * 1000000)::bigint
    FROM turnwise.token
   WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
   ORDER BY id LIMIT $1)sql";

/// One at a time, so that the count holds.
inline constexpr std::string_view lock_tokens = "LOCK TABLE turnwise.token IN SHARE ROW EXCLUSIVE MODE";

/// $1 id, $2 owner, $3 scopes with commas, $4 hash in hexadecimal, $5 milliseconds or NULL, $6 how many good ones there may be.
inline constexpr std::string_view add_token = R"sql(
  INSERT INTO turnwise.token (id, owner, scopes, secret_sha256, expires_at)
  SELECT $1, $2, string_to_array($3, ','), decode($4, 'hex'), clock_timestamp() + $5::bigint * interval '1 millisecond'
   WHERE $6 > (SELECT count(*) FROM turnwise.token
                WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())))sql";

/// $1 how many at most.
inline constexpr std::string_view list_tokens = R"sql(
  SELECT id, owner, array_to_string(scopes, ','), (extract(epoch FROM created_at) * 1000000)::bigint, created_by,
         (extract(epoch FROM expires_at) * 1000000)::bigint, (extract(epoch FROM revoked_at) * 1000000)::bigint,
         coalesce(expires_at <= clock_timestamp(), false)
    FROM turnwise.token
   ORDER BY (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())) DESC, created_at DESC, id
   LIMIT $1)sql";

/// $1 id. The first revocation stands.
inline constexpr std::string_view revoke_token = R"sql(
  UPDATE turnwise.token SET revoked_at = coalesce(revoked_at, clock_timestamp()), revoked_by = coalesce(revoked_by, session_user)
   WHERE id = $1)sql";

} // namespace turnwise::storage::postgres::sql
