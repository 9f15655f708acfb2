-- The cluster: what all nodes agree on, which nodes there are, and who owns which shard.
-- The schema turnwise and the table turnwise.migration are made by the migrator before this text runs.

-- One row. A node compares it with what it was built for and refuses to start on a difference.
CREATE TABLE turnwise.cluster_meta (
  only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  cluster_id       text NOT NULL,
  shard_count      integer NOT NULL CHECK (shard_count BETWEEN 1 AND 32767),
  hash             text NOT NULL,
  protocol_version integer NOT NULL
);

-- A row per process start. `dead` rows are kept for people, the newest hundred of them.
CREATE TABLE turnwise.node (
  incarnation uuid PRIMARY KEY,
  name        text NOT NULL,
  address     text NOT NULL,
  state       text NOT NULL CHECK (state IN ('joining', 'active', 'draining', 'dead')),
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX node_address ON turnwise.node (address) WHERE state <> 'dead';

-- Updated once a second per node: room on the page for new versions keeps the updates off the index.
CREATE TABLE turnwise.node_beat (
  incarnation uuid PRIMARY KEY REFERENCES turnwise.node ON DELETE CASCADE,
  hb_seq      bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL
) WITH (fillfactor = 20);

-- Every write is checked against this table (turnwise.fence). The epoch's limit is that of the numbers: epoch * 2^40 + n
-- stays below 2^63.
CREATE TABLE turnwise.shard (
  shard_id    smallint PRIMARY KEY,
  epoch       bigint NOT NULL DEFAULT 0 CHECK (epoch BETWEEN 0 AND 8388607),
  owner       uuid,
  acquired_at timestamptz,
  replay_from bigint NOT NULL DEFAULT 1,
  adopt_fail  integer NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

-- Writes the cluster's one row and its shards, unless they are there. Returns the shard count that holds.
CREATE FUNCTION turnwise.found_cluster(p_shard_count integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_shard_count integer;
BEGIN
  INSERT INTO turnwise.cluster_meta (cluster_id, shard_count, hash, protocol_version)
  VALUES (gen_random_uuid()::text, p_shard_count, 'sha256-64', 1)
  ON CONFLICT DO NOTHING;
  SELECT shard_count INTO v_shard_count FROM turnwise.cluster_meta;
  INSERT INTO turnwise.shard (shard_id)
  SELECT generate_series(0, v_shard_count - 1)
  ON CONFLICT DO NOTHING;
  RETURN v_shard_count;
END $$;

-- The shard of a subject: the first 8 bytes of its SHA-256, unsigned and big-endian, modulo the shard count. In two halves,
-- because a bigint has a sign.
CREATE FUNCTION turnwise.shard_of(p_subject text) RETURNS smallint LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
  SELECT mod(('x' || left(digest, 8))::bit(32)::bigint::numeric * 4294967296 + ('x' || right(digest, 8))::bit(32)::bigint,
             meta.shard_count)::smallint
    FROM turnwise.cluster_meta AS meta,
         LATERAL encode(substr(sha256(convert_to(p_subject, 'UTF8')), 1, 8), 'hex') AS digest
$$;
