-- The life of segments: they end by rows or by age, go out of use when what is open in them has been carried, and are dropped.

INSERT INTO turnwise.event (number, name) VALUES (21, 'carried');

-- Starts the next segment when the newest one holds more than p_rows_max rows, or more than p_rows_min and is older than
-- p_age_max. Callers that meet start one, not two: the second finds the new one when it gets the lock. Readers and writers are
-- not held up. Returns the newest segment.
CREATE FUNCTION turnwise.extend_journal(p_rows_max bigint, p_rows_min bigint, p_age_max interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_newest bigint;
  v_created_at timestamptz;
BEGIN
  SELECT number, created_at INTO v_newest, v_created_at FROM turnwise.segment ORDER BY number DESC LIMIT 1;
  IF NOT turnwise.segment_exceeds(v_newest, p_rows_max)
     AND (v_created_at >= clock_timestamp() - p_age_max OR NOT turnwise.segment_exceeds(v_newest, p_rows_min)) THEN
    RETURN v_newest;
  END IF;
  LOCK TABLE turnwise.segment IN SHARE ROW EXCLUSIVE MODE;
  IF v_newest = (SELECT max(number) FROM turnwise.segment) THEN
    PERFORM turnwise.create_segment(v_newest + 1);
  END IF;
  RETURN (SELECT max(number) FROM turnwise.segment);
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.extend_journal(bigint, bigint, interval) FROM PUBLIC;

-- Drops a segment and says whether it did. Whatever the caller believes, it proves here that nothing is lost: the segment is the
-- oldest and not among the newest two, and no shard's replay begins with it or before it, which a shard's owner lets happen only
-- when everything that is open has a row in a later segment. And its time has come: its last row is older than p_retention, or
-- the journal is larger than p_bytes_max (zero: may be of any size).
--
-- Waits for nobody: a session that reads the segment, or lies idle in a transaction that did, makes it answer false. Nobody waits
-- behind it either, but for the length of the DROP.
CREATE FUNCTION turnwise.drop_segment(p_number bigint, p_retention interval, p_bytes_max bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE turnwise.segment IN SHARE ROW EXCLUSIVE MODE NOWAIT; -- as whoever makes one does: one change at a time
  IF p_number IS DISTINCT FROM (SELECT min(number) FROM turnwise.segment)
     OR p_number + 2 > (SELECT max(number) FROM turnwise.segment)
     OR EXISTS (SELECT FROM turnwise.shard WHERE replay_from <= p_number) THEN
    RETURN false;
  END IF;
  -- It had its last row when the next segment was there, at the latest.
  IF NOT EXISTS (SELECT FROM turnwise.segment
                  WHERE number = p_number + 1 AND created_at < clock_timestamp() - p_retention)
     AND (p_bytes_max = 0
          OR (SELECT sum(pg_total_relation_size(format('turnwise.journal_%s', number)::regclass)) FROM turnwise.segment)
             <= p_bytes_max) THEN
    RETURN false;
  END IF;
  EXECUTE format('LOCK TABLE turnwise.journal_%s IN ACCESS EXCLUSIVE MODE NOWAIT', p_number);
  EXECUTE format('DROP TABLE turnwise.journal_%s', p_number);
  DELETE FROM turnwise.segment WHERE number = p_number; -- and with it from segment_shard
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.drop_segment(bigint, interval, bigint) FROM PUBLIC;

-- What a node's role may call. Apart, so that a later migration adds to it alone.
CREATE FUNCTION turnwise.grant_functions(p_role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT EXECUTE ON FUNCTION turnwise.extend_journal(bigint), '
                 'turnwise.extend_journal(bigint, bigint, interval), '
                 'turnwise.drop_segment(bigint, interval, bigint) TO %I', p_role);
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.grant_functions(name) FROM PUBLIC;

-- Gives a role what a node needs and no more: no DDL, no UPDATE or DELETE in the journal. Called by the schema's owner or by a
-- superuser; also for the segments that are made later.
CREATE OR REPLACE FUNCTION turnwise.grant_to_node_role(p_role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA turnwise TO %I', p_role);
  EXECUTE format('GRANT SELECT ON turnwise.cluster_meta, turnwise.migration, turnwise.segment TO %I', p_role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON turnwise.node, turnwise.node_beat TO %I', p_role);
  EXECUTE format('GRANT SELECT, UPDATE ON turnwise.shard TO %I', p_role);
  EXECUTE format('GRANT SELECT, INSERT ON turnwise.segment_shard TO %I', p_role);
  PERFORM turnwise.grant_functions(p_role);
  INSERT INTO turnwise.node_role (name) VALUES (p_role) ON CONFLICT DO NOTHING;
  PERFORM turnwise.grant_segment(number) FROM turnwise.segment;
END $$;

-- Roles that nodes use already.
SELECT turnwise.grant_functions(r.name::name) FROM turnwise.node_role AS r JOIN pg_roles AS known ON known.rolname = r.name;
