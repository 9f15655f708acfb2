// The SQL of membership and shards. Whoever locks several rows of a table locks them in ascending order, nodes before shards.
#pragma once

#include <string_view>

namespace turnwise::storage::postgres::sql {

inline constexpr std::string_view server_facts = R"sql(
  SELECT current_setting('server_version_num')::int, current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
         current_setting('synchronous_commit'), current_setting('server_encoding'),
         current_setting('transaction_read_only')::bool)sql";

inline constexpr std::string_view cluster_meta =
    "SELECT cluster_id, shard_count, hash, protocol_version FROM turnwise.cluster_meta";

/// Joins happen one at a time, so that two successors of an address cannot overlook each other.
inline constexpr std::string_view lock_nodes = "LOCK TABLE turnwise.node IN SHARE ROW EXCLUSIVE MODE";

/// $1 incarnation, $2 name, $3 address. Twice is as good as once: the first answer may have been lost.
inline constexpr std::string_view insert_node = R"sql(
  INSERT INTO turnwise.node (incarnation, name, address, state) VALUES ($1, $2, $3, 'active')
  ON CONFLICT DO NOTHING)sql";

/// $1 incarnation, $2 milliseconds.
inline constexpr std::string_view insert_beat = R"sql(
  INSERT INTO turnwise.node_beat (incarnation, lease_until)
  VALUES ($1, clock_timestamp() + $2 * interval '1 millisecond')
  ON CONFLICT DO NOTHING)sql";

/// $1 incarnation of the successor, $2 address.
inline constexpr std::string_view bury_predecessors = R"sql(
  UPDATE turnwise.node SET state = 'dead' WHERE address = $2 AND incarnation <> $1 AND state <> 'dead')sql";

/// Shards of nodes that are dead, in order: a lane of theirs that is still writing is waited for, and fenced afterwards.
inline constexpr std::string_view lock_orphans = R"sql(
  SELECT FROM turnwise.shard AS s JOIN turnwise.node AS n ON n.incarnation = s.owner
   WHERE n.state = 'dead' ORDER BY s.shard_id FOR NO KEY UPDATE OF s)sql";
/// The last epoch is not passed: without an owner nobody can write.
inline constexpr std::string_view free_orphans = R"sql(
  UPDATE turnwise.shard AS s SET epoch = least(s.epoch + 1, 8388607), owner = NULL
    FROM turnwise.node AS n WHERE n.incarnation = s.owner AND n.state = 'dead')sql";

/// Keeps the newest hundred of the dead.
inline constexpr std::string_view forget_dead = R"sql(
  DELETE FROM turnwise.node WHERE state = 'dead' AND incarnation NOT IN (
    SELECT incarnation FROM turnwise.node WHERE state = 'dead' ORDER BY started_at DESC LIMIT 100))sql";

/// $1 incarnation, $2 milliseconds.
inline constexpr std::string_view beat = R"sql(
  UPDATE turnwise.node_beat AS b
     SET hb_seq = b.hb_seq + 1, lease_until = clock_timestamp() + $2 * interval '1 millisecond'
    FROM turnwise.node AS n
   WHERE b.incarnation = $1 AND n.incarnation = b.incarnation AND n.state <> 'dead')sql";
inline constexpr std::string_view wall_clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// $1 the asking incarnation.
inline constexpr std::string_view peers = R"sql(
  SELECT b.incarnation, b.hb_seq, b.lease_until < clock_timestamp()
    FROM turnwise.node AS n JOIN turnwise.node_beat AS b USING (incarnation)
   WHERE n.state <> 'dead' AND n.incarnation <> $1)sql";

/// $1 incarnation. The rows are held: its next beat waits, and then finds it dead.
inline constexpr std::string_view bury_silent_node = R"sql(
  UPDATE turnwise.node AS n SET state = 'dead'
    FROM (SELECT incarnation FROM turnwise.node_beat WHERE incarnation = $1 AND lease_until < clock_timestamp() FOR UPDATE) AS b
   WHERE n.incarnation = b.incarnation)sql";

inline constexpr std::string_view shards = "SELECT shard_id, epoch, owner IS NOT NULL FROM turnwise.shard ORDER BY shard_id";

/// The node's row is held, so that it cannot be declared dead while it takes shards that nobody would free again.
inline constexpr std::string_view hold_active_node =
    "SELECT FROM turnwise.node WHERE incarnation = $1 AND state = 'active' FOR SHARE";

/// $1 incarnation, $2 shards, $3 epochs seen. A shard that is ours at the next epoch was taken by an earlier call whose answer
/// was lost: it is returned as it is.
inline constexpr std::string_view acquire = R"sql(
  WITH free AS MATERIALIZED (
    SELECT s.shard_id, s.owner IS NULL AS taken_now FROM turnwise.shard AS s
      JOIN unnest($2::smallint[], $3::bigint[]) AS seen(shard_id, epoch) ON s.shard_id = seen.shard_id
     WHERE (s.owner IS NULL AND s.epoch = seen.epoch) OR (s.owner = $1 AND s.epoch = seen.epoch + 1)
     ORDER BY s.shard_id
       FOR NO KEY UPDATE OF s)
  UPDATE turnwise.shard AS s
     SET epoch = CASE WHEN free.taken_now THEN s.epoch + 1 ELSE s.epoch END, owner = $1,
         acquired_at = CASE WHEN free.taken_now THEN clock_timestamp() ELSE s.acquired_at END
    FROM free WHERE s.shard_id = free.shard_id
  RETURNING s.shard_id, s.epoch)sql";

/// $1 incarnation, $2 shards, $3 epochs.
inline constexpr std::string_view release = R"sql(
  WITH held AS MATERIALIZED (
    SELECT s.shard_id FROM turnwise.shard AS s
      JOIN unnest($2::smallint[], $3::bigint[]) AS claimed(shard_id, epoch) ON s.shard_id = claimed.shard_id
     WHERE s.owner = $1 AND s.epoch = claimed.epoch
     ORDER BY s.shard_id
       FOR NO KEY UPDATE OF s)
  UPDATE turnwise.shard AS s SET epoch = least(s.epoch + 1, 8388607), owner = NULL
    FROM held WHERE s.shard_id = held.shard_id)sql";

inline constexpr std::string_view bury_node = "UPDATE turnwise.node SET state = 'dead' WHERE incarnation = $1";

} // namespace turnwise::storage::postgres::sql
