-- The journal: one table per segment, INSERT-only, and the functions through which nodes write it.

CREATE TABLE turnwise.segment (
  number     bigint PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dropping'))
);

-- Written with a shard's first row in a segment. Numbers of a shard grow from segment to segment, so the rows of a number lie
-- in the newest segment whose first_seq is not greater, or in a later one.
CREATE TABLE turnwise.segment_shard (
  shard     smallint NOT NULL,
  segment   bigint NOT NULL REFERENCES turnwise.segment ON DELETE CASCADE,
  first_seq bigint NOT NULL,
  PRIMARY KEY (shard, segment)
);

-- Makes the table of a segment. Runs with the rights of the schema's owner: the role that nodes use needs no DDL.
CREATE FUNCTION turnwise.create_segment(p_number bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_table text := format('journal_%s', p_number);
BEGIN
  -- Vacuum is not triggered by inserts: nothing here is ever updated, and a segment is dropped whole.
  EXECUTE format($ddl$
    CREATE TABLE turnwise.%I (
      shard   smallint NOT NULL,
      entry   bigint NOT NULL,
      seq     bigint NOT NULL,
      at      timestamptz NOT NULL,
      event   smallint NOT NULL,
      subject text,
      kind    text,
      key     text,
      detail  json,
      payload text,
      PRIMARY KEY (shard, entry, seq)
    ) WITH (autovacuum_vacuum_insert_threshold = -1)$ddl$, v_table);
  EXECUTE format('CREATE INDEX ON turnwise.%I (key, subject) WHERE key IS NOT NULL', v_table);
  INSERT INTO turnwise.segment (number) VALUES (p_number);
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.create_segment(bigint) FROM PUBLIC;

SELECT turnwise.create_segment(1);

-- Whether a segment holds more than p_rows rows. Exact while that is cheap to count; beyond, judged by the size of the
-- primary key, whose tuples all take 36 bytes: at most 226 to a page, about 158 when pages split at random.
CREATE FUNCTION turnwise.segment_exceeds(p_number bigint, p_rows bigint) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_table text := format('turnwise.journal_%s', p_number);
  v_pages bigint := pg_relation_size((v_table || '_pkey')::regclass) / current_setting('block_size')::bigint;
  v_rows bigint;
BEGIN
  IF v_pages * 226 <= p_rows THEN
    RETURN false;
  ELSIF v_pages > 100 THEN
    RETURN v_pages * 158 > p_rows;
  END IF;
  EXECUTE format('SELECT count(*) FROM (SELECT FROM %s LIMIT $1) AS few', v_table) INTO v_rows USING p_rows + 1;
  RETURN v_rows > p_rows;
END $$;

-- Starts the next segment when the newest one holds more than p_rows_max rows. Callers that meet start one, not two: the
-- second finds the new one when it gets the lock. Readers and writers are not held up.
CREATE FUNCTION turnwise.extend_journal(p_rows_max bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_newest bigint;
BEGIN
  SELECT max(number) INTO v_newest FROM turnwise.segment;
  IF NOT turnwise.segment_exceeds(v_newest, p_rows_max) THEN
    RETURN v_newest;
  END IF;
  LOCK TABLE turnwise.segment IN SHARE ROW EXCLUSIVE MODE;
  IF v_newest = (SELECT max(number) FROM turnwise.segment) THEN
    PERFORM turnwise.create_segment(v_newest + 1);
  END IF;
  RETURN (SELECT max(number) FROM turnwise.segment);
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.extend_journal(bigint) FROM PUBLIC;

-- The one safety rule: whoever writes for a shard owns it at this epoch, and holds its row until the end of the transaction.
-- Raises FZ001 unless that is so for every shard. Row locks make no row versions, so nothing bloats.
CREATE FUNCTION turnwise.fence(p_owner uuid, p_shards smallint[], p_epochs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_held bigint;
BEGIN
  SELECT count(*) INTO v_held FROM (
    SELECT FROM turnwise.shard AS s
      JOIN unnest(p_shards, p_epochs) AS claimed(shard_id, epoch) ON s.shard_id = claimed.shard_id
     WHERE s.epoch = claimed.epoch AND s.owner = p_owner
     ORDER BY s.shard_id
       FOR NO KEY UPDATE OF s) AS held;
  IF v_held IS DISTINCT FROM cardinality(p_shards)::bigint THEN
    RAISE EXCEPTION 'fenced' USING ERRCODE = 'FZ001';
  END IF;
END $$;

-- First act of every batch: the fence; then notes the shards for which this is the first row in the segment (p_firsts: the
-- sequence of that row, or null; null as a whole when there is none). Returns the newest segment: when that is not the one
-- that the writer meant, nothing is noted and the writer's INSERT selects no rows.
CREATE FUNCTION turnwise.enter_segment(p_owner uuid, p_shards smallint[], p_epochs bigint[], p_firsts bigint[],
                                       p_segment bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_newest bigint;
BEGIN
  PERFORM turnwise.fence(p_owner, p_shards, p_epochs);
  SELECT max(number) INTO v_newest FROM turnwise.segment;
  IF p_firsts IS NOT NULL AND v_newest = p_segment THEN
    INSERT INTO turnwise.segment_shard (shard, segment, first_seq)
    SELECT f.shard, p_segment, f.first_seq FROM unnest(p_shards, p_firsts) AS f(shard, first_seq)
     WHERE f.first_seq IS NOT NULL
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN v_newest;
END $$;

-- For people: everything that happened to a subject, in order. Reads the shard's part of every segment, so not for machines.
CREATE FUNCTION turnwise.journal_of(p_subject text)
RETURNS TABLE (segment bigint, entry bigint, seq bigint, at timestamptz, event text, kind text, key text, detail json,
               payload text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_shard smallint := turnwise.shard_of(p_subject);
  v_names text[] := ARRAY['submitted', 'due', 'started', 'succeeded', 'failed', 'expired', 'timed_out', 'released',
                          'cancel_requested', 'cancelled', 'retried', 'replaced', 'wait_expired'];
  v_entries bigint[] := '{}';
  v_opened bigint[];
  v_segment bigint;
BEGIN
  FOR v_segment IN SELECT s.segment FROM turnwise.segment_shard AS s WHERE s.shard = v_shard ORDER BY s.segment LOOP
    EXECUTE format('SELECT array_agg(entry) FROM turnwise.journal_%s WHERE shard = $1 AND subject = $2', v_segment)
       INTO v_opened USING v_shard, p_subject;
    v_entries := v_entries || coalesce(v_opened, '{}');
    RETURN QUERY EXECUTE format(
      'SELECT %1$s::bigint, entry, seq, at, $3[event], kind, key, detail, payload
         FROM turnwise.journal_%1$s WHERE shard = $1 AND entry = ANY ($2) ORDER BY seq', v_segment)
      USING v_shard, v_entries, v_names;
  END LOOP;
END $$;

-- Gives a role what a node needs and no more: no DDL, no UPDATE or DELETE in the journal. Called by the schema's owner.
CREATE FUNCTION turnwise.grant_to_node_role(p_role name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_segment bigint;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA turnwise TO %I', p_role);
  EXECUTE format('GRANT SELECT ON turnwise.cluster_meta, turnwise.migration, turnwise.segment TO %I', p_role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON turnwise.node, turnwise.node_beat TO %I', p_role);
  EXECUTE format('GRANT SELECT, UPDATE ON turnwise.shard TO %I', p_role);
  EXECUTE format('GRANT SELECT, INSERT ON turnwise.segment_shard TO %I', p_role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION turnwise.extend_journal(bigint) TO %I', p_role);
  FOR v_segment IN SELECT number FROM turnwise.segment LOOP
    EXECUTE format('GRANT SELECT, INSERT ON turnwise.journal_%s TO %I', v_segment, p_role);
  END LOOP;
  -- Segments made later belong to the schema's owner, whose default rights these are.
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA turnwise GRANT SELECT, INSERT ON TABLES TO %I', p_role);
END $$;
