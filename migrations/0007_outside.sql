-- What the users' own transactions leave for the nodes: turnwise.submit() inserts a row, and the owner of the subject's shard
-- takes it over when the transaction has committed.
--
-- The rows lie in segments of their own, outside_<n>: only inserted, dropped whole. Ids come from one sequence per shard. They are
-- given at the INSERT and visible at the COMMIT, so an id may appear after larger ones: until every transaction that was open when
-- the gap was seen has ended. For that to be a proof, a transaction must have its own number before it takes an id (leave_outside).

INSERT INTO turnwise.event (number, name) VALUES (22, 'taken'), (23, 'outside-cursor');

CREATE TABLE turnwise.outside_segment (
  number     bigint PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamptz -- when somebody first saw that rows go to a later one
);

-- The number of the segment that rows go to. A sequence, because transactions with an old snapshot must see it as it is now.
CREATE SEQUENCE turnwise.outside_current;
-- Taken at each row, so that an idle node has one number to look at.
CREATE SEQUENCE turnwise.outside_doorbell;

-- Lets a role that nodes use read all segments.
CREATE FUNCTION turnwise.grant_outside(p_role regrole) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_number bigint;
BEGIN
  FOR v_number IN SELECT number FROM turnwise.outside_segment LOOP
    EXECUTE format('GRANT SELECT ON turnwise.outside_%s TO %s', v_number, p_role);
  END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.grant_outside(regrole) FROM PUBLIC;

-- Makes the table of a segment. Nobody writes to it before this is committed (tend_outside).
CREATE FUNCTION turnwise.create_outside(p_number bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($ddl$
    CREATE TABLE turnwise.outside_%s (
      shard   smallint NOT NULL,
      id      bigint NOT NULL,
      at      timestamptz NOT NULL DEFAULT clock_timestamp(),
      verb    smallint NOT NULL, -- 1 submit, 2 complete
      entry   bigint, -- of complete
      subject text,
      kind    text,
      key     text,
      detail  json,
      payload text,
      PRIMARY KEY (shard, id)
    ) WITH (autovacuum_vacuum_insert_threshold = -1)$ddl$, p_number);
  EXECUTE format('CREATE INDEX ON turnwise.outside_%s (entry, shard) WHERE entry IS NOT NULL', p_number);
  INSERT INTO turnwise.outside_segment (number) VALUES (p_number);
  PERFORM turnwise.grant_outside(known.oid::regrole)
     FROM turnwise.node_role AS r JOIN pg_roles AS known ON known.rolname = r.name;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.create_outside(bigint) FROM PUBLIC;

SELECT turnwise.create_outside(1), setval('turnwise.outside_current', 1);

-- As before; and each shard has its sequence of ids.
CREATE OR REPLACE FUNCTION turnwise.found_cluster(p_shard_count integer) RETURNS integer LANGUAGE plpgsql AS $$
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
  FOR v_shard IN 0 .. v_shard_count - 1 LOOP
    IF to_regclass('turnwise.outside_id_' || v_shard) IS NULL THEN
      EXECUTE format('CREATE SEQUENCE turnwise.outside_id_%s', v_shard);
    END IF;
  END LOOP;
  RETURN v_shard_count;
END $$;

-- Inserts a row and returns its id. The order of the first statements is the point: whoever sees the doorbell or an id, and then
-- asks which transactions are open, finds this one among them.
CREATE FUNCTION turnwise.leave_outside(p_shard smallint, p_verb smallint, p_entry bigint, p_subject text, p_kind text,
                                       p_key text, p_detail json, p_payload text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_segment bigint;
  v_id bigint;
BEGIN
  PERFORM pg_current_xact_id();
  PERFORM nextval('turnwise.outside_doorbell');
  v_id := nextval(('turnwise.outside_id_' || p_shard)::regclass);
  SELECT last_value INTO v_segment FROM turnwise.outside_current;
  EXECUTE format('INSERT INTO turnwise.outside_%s (shard, id, verb, entry, subject, kind, key, detail, payload)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', v_segment)
    USING p_shard, v_id, p_verb, p_entry, p_subject, p_kind, p_key, p_detail, p_payload;
  RETURN v_id;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.leave_outside(smallint, smallint, bigint, text, text, text, json, text) FROM PUBLIC;

-- Which rows of a shard have been taken over, as its owner last wrote down: {"to": id, "gaps": [[first, last], …]}, the gaps
-- being what is missing up to `to`. NULL: none yet.
CREATE FUNCTION turnwise.outside_cursor(p_shard smallint) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_segment bigint;
  v_cursor json;
BEGIN
  FOR v_segment IN SELECT segment FROM turnwise.segment_shard WHERE shard = p_shard ORDER BY segment DESC LOOP
    EXECUTE format('SELECT detail FROM turnwise.journal_%s WHERE shard = $1 AND entry = 1 ORDER BY seq DESC LIMIT 1', v_segment)
       INTO v_cursor USING p_shard;
    IF v_cursor IS NOT NULL THEN
      RETURN v_cursor;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.outside_cursor(smallint) FROM PUBLIC;

-- Whether the journal says of every row of a segment that it was taken over.
CREATE FUNCTION turnwise.outside_is_taken(p_number bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_shard smallint;
  v_last bigint;
  v_cursor json;
  v_is_missing boolean;
BEGIN
  FOR v_shard IN SELECT shard_id FROM turnwise.shard LOOP
    EXECUTE format('SELECT max(id) FROM turnwise.outside_%s WHERE shard = $1', p_number) INTO v_last USING v_shard;
    CONTINUE WHEN v_last IS NULL;
    v_cursor := turnwise.outside_cursor(v_shard);
    IF v_cursor IS NULL OR (v_cursor ->> 'to')::bigint < v_last THEN
      RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM json_array_elements($2) AS gap
                                     JOIN turnwise.outside_%s AS o ON o.shard = $1
                                      AND o.id BETWEEN (gap ->> 0)::bigint AND (gap ->> 1)::bigint)', p_number)
       INTO v_is_missing USING v_shard, coalesce(v_cursor -> 'gaps', '[]');
    IF v_is_missing THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.outside_is_taken(bigint) FROM PUBLIC;

-- Drops a segment, unless a transaction has rows in it that are not committed, or somebody reads it.
CREATE FUNCTION turnwise.drop_outside(p_number bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('LOCK TABLE turnwise.outside_%s IN ACCESS EXCLUSIVE MODE NOWAIT', p_number);
  IF turnwise.outside_is_taken(p_number) THEN -- asked now that nobody can add to it
    EXECUTE format('DROP TABLE turnwise.outside_%s', p_number);
    DELETE FROM turnwise.outside_segment WHERE number = p_number;
  END IF;
EXCEPTION WHEN lock_not_available THEN
  NULL; -- another time
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.drop_outside(bigint) FROM PUBLIC;

-- The life of these segments, called by nodes every few seconds. A step at a time: a full segment gets a successor; the next call,
-- for which the successor's table is committed, lets rows go there; and the oldest is dropped once nothing can be added to it and
-- the journal has taken everything over. Waits for nobody: what is in use is left for another time. p_grace: for how long a
-- transaction may still be about to insert into a segment that it has just looked up; if one takes longer, it fails.
CREATE FUNCTION turnwise.tend_outside(p_bytes_max bigint, p_age_max interval, p_grace interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_current bigint;
  v_bytes bigint;
  v_oldest bigint;
BEGIN
  LOCK TABLE turnwise.outside_segment IN SHARE ROW EXCLUSIVE MODE NOWAIT;
  SELECT last_value INTO v_current FROM turnwise.outside_current;
  UPDATE turnwise.outside_segment SET retired_at = clock_timestamp() WHERE number < v_current AND retired_at IS NULL;
  v_bytes := pg_relation_size(format('turnwise.outside_%s', v_current)::regclass);
  IF v_current < (SELECT max(number) FROM turnwise.outside_segment) THEN
    PERFORM setval('turnwise.outside_current', v_current + 1);
  ELSIF v_bytes > p_bytes_max
        OR v_bytes > 0 AND EXISTS (SELECT FROM turnwise.outside_segment
                                    WHERE number = v_current AND created_at < clock_timestamp() - p_age_max) THEN
    PERFORM turnwise.create_outside(v_current + 1);
  END IF;
  SELECT number INTO v_oldest FROM turnwise.outside_segment
   WHERE number < v_current AND retired_at < clock_timestamp() - p_grace ORDER BY number LIMIT 1;
  IF v_oldest IS NOT NULL AND turnwise.outside_is_taken(v_oldest) THEN
    PERFORM turnwise.drop_outside(v_oldest);
  END IF;
EXCEPTION WHEN lock_not_available THEN
  NULL; -- another node is at it
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.tend_outside(bigint, interval, interval) FROM PUBLIC;

SELECT turnwise.allow_nodes(
  'GRANT SELECT ON turnwise.outside_segment, turnwise.outside_doorbell TO %I',
  'GRANT EXECUTE ON FUNCTION turnwise.tend_outside(bigint, interval, interval) TO %I',
  'SELECT turnwise.grant_outside($role$%I$role$::regrole)');
