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

-- ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
-- The id of a job or hold: see model/job_id.cpp. epoch (23 bits) | shard (10 bits) | n (40 bits) in Crockford's base 32, and a
-- check character (Luhn mod 32).

-- Raises, with words that say what to do.
CREATE FUNCTION turnwise.refuse(p_words text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'turnwise: ' || p_words;
END $$;

CREATE FUNCTION turnwise.luhn_sum(p_digits text, p_factor integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (sum(weighted / 32 + weighted % 32) % 32)::integer
    FROM (SELECT (strpos('0123456789abcdefghjkmnpqrstvwxyz', digit) - 1)
                 * CASE WHEN place % 2 = 1 THEN p_factor ELSE 3 - p_factor END AS weighted
            FROM regexp_split_to_table(reverse(p_digits), '') WITH ORDINALITY AS digits(digit, place)) AS digits
$$;

-- The public id of an entry.
CREATE FUNCTION turnwise.id_of(p_shard smallint, p_entry bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  v_value numeric := ((p_entry >> 40)::numeric * 1024 + p_shard) * 1099511627776 + (p_entry & 1099511627775);
  v_text text := '';
BEGIN
  LOOP
    v_text := substr('0123456789abcdefghjkmnpqrstvwxyz', mod(v_value, 32)::integer + 1, 1) || v_text;
    v_value := div(v_value, 32);
    EXIT WHEN v_value = 0;
  END LOOP;
  RETURN v_text || substr('0123456789abcdefghjkmnpqrstvwxyz', (32 - turnwise.luhn_sum(v_text, 2)) % 32 + 1, 1);
END $$;

-- Where the entry of a public id is. Raises when the text is none.
CREATE FUNCTION turnwise.entry_of(p_id text, OUT shard smallint, OUT entry bigint) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_text text := translate(lower(p_id), 'oil', '011');
  v_value numeric := 0;
  v_place integer;
BEGIN
  IF v_text IS NULL OR v_text !~ '^[0-9a-hjkmnp-tv-z]{2,16}$' OR v_text ~ '^0.{2}' OR turnwise.luhn_sum(v_text, 1) <> 0 THEN
    PERFORM turnwise.refuse(format('%L is not the id of a job or hold', p_id));
  END IF;
  FOR v_place IN 1 .. length(v_text) - 1 LOOP
    v_value := v_value * 32 + strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(v_text, v_place, 1)) - 1;
  END LOOP;
  IF v_value >= 9444732965739290427392 THEN -- 2^73
    PERFORM turnwise.refuse(format('%L is not the id of a job or hold', p_id));
  END IF;
  shard := mod(div(v_value, 1099511627776), 1024);
  entry := div(v_value, 1125899906842624) * 1099511627776 + mod(v_value, 1099511627776);
END $$;

REVOKE EXECUTE ON FUNCTION turnwise.refuse(text), turnwise.luhn_sum(text, integer), turnwise.id_of(smallint, bigint),
  turnwise.entry_of(text) FROM PUBLIC;

-- ── Turns ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
-- Whoever relies on a turn holds the shared lock on its entry until the end of the transaction, and looks the turn up when it has
-- the lock. Whoever ends a turn by force holds the exclusive lock until the end is in the journal. So a turn that was found open
-- stays so until the transaction has ended.

CREATE FUNCTION turnwise.turn_lock(p_shard smallint, p_entry bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hashint8extended(p_entry, 7475726 + p_shard)
$$;

-- The open turn of an entry as the journal has it: its fencing token, and of a job the attempt and the receipt's nonce. NULL when
-- it has none.
CREATE FUNCTION turnwise.turn_of(p_shard smallint, p_entry bigint, OUT token bigint, OUT attempt integer, OUT nonce uuid)
LANGUAGE plpgsql AS $$
DECLARE
  v_segment bigint;
  v_event smallint;
  v_seq bigint;
  v_detail json;
BEGIN
  FOR v_segment IN
    SELECT segment FROM turnwise.segment_shard
     WHERE shard = p_shard
       AND segment >= coalesce((SELECT max(segment) FROM turnwise.segment_shard WHERE shard = p_shard AND first_seq <= p_entry), 0)
     ORDER BY segment DESC
  LOOP
    -- The last thing that happened to its turn. A carried turn without a token began with a row beside it.
    EXECUTE format('SELECT event, seq, detail FROM turnwise.journal_%s
                     WHERE shard = $1 AND entry = $2 AND event NOT IN (2, 9, 12, 14, 16)
                       AND (event <> 21 OR detail -> ''turn'' ->> ''token'' IS DISTINCT FROM ''0'')
                     ORDER BY seq DESC LIMIT 1', v_segment)
       INTO v_event, v_seq, v_detail USING p_shard, p_entry;
    EXIT WHEN v_event IS NOT NULL;
  END LOOP;
  IF v_event IN (3, 15) THEN
    token := v_seq;
    attempt := v_detail ->> 'attempt';
    nonce := v_detail ->> 'nonce';
  ELSIF v_event = 21 AND coalesce(v_detail -> 'turn' ->> 'open', '1') = '1' THEN
    token := v_detail -> 'turn' ->> 'token';
    attempt := v_detail ->> 'attempt';
    nonce := v_detail -> 'turn' ->> 'nonce';
  END IF;
END $$;

-- The row of turnwise.complete() for an entry, of this attempt or, when that is NULL, of any. NULL: none.
CREATE FUNCTION turnwise.completion_of(p_shard smallint, p_entry bigint, p_attempt integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_number bigint;
  v_id bigint;
BEGIN
  FOR v_number IN SELECT number FROM turnwise.outside_segment LOOP
    EXECUTE format('SELECT max(id) FROM turnwise.outside_%s WHERE entry = $2 AND shard = $1
                       AND ($3 IS NULL OR (detail ->> ''attempt'')::integer = $3)', v_number)
       INTO v_id USING p_shard, p_entry, p_attempt;
    EXIT WHEN v_id IS NOT NULL;
  END LOOP;
  RETURN v_id;
END $$;

-- For nodes: takes the exclusive locks of turns that are to be ended, for the session, as far as they are to be had. For each turn:
-- 0 it is locked; 1 a transaction relies on it; 2 it was completed by the row `completion`. p_evict: end the session of whoever
-- relies on it.
CREATE FUNCTION turnwise.lock_turns(p_shards smallint[], p_entries bigint[], p_evict boolean[])
RETURNS TABLE (verdict integer, completion bigint) LANGUAGE plpgsql AS $$
DECLARE
  v_key bigint;
BEGIN
  FOR i IN 1 .. cardinality(p_shards) LOOP
    v_key := turnwise.turn_lock(p_shards[i], p_entries[i]);
    completion := NULL;
    verdict := CASE WHEN pg_try_advisory_lock(v_key) THEN 0 ELSE 1 END;
    IF verdict = 0 THEN -- a statement of its own: it sees what was committed before the lock was given
      completion := turnwise.completion_of(p_shards[i], p_entries[i], NULL);
      IF completion IS NOT NULL THEN
        PERFORM pg_advisory_unlock(v_key);
        verdict := 2;
      END IF;
    ELSIF p_evict[i] THEN
      BEGIN
        PERFORM pg_terminate_backend(pid) FROM pg_locks
          WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32 | objid::bigint) = v_key;
      EXCEPTION WHEN insufficient_privilege THEN
        NULL; -- then the turn stays
      END;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION turnwise.turn_lock(smallint, bigint), turnwise.turn_of(smallint, bigint),
  turnwise.completion_of(smallint, bigint, integer), turnwise.lock_turns(smallint[], bigint[], boolean[]) FROM PUBLIC;
SELECT turnwise.allow_nodes(
  'GRANT EXECUTE ON FUNCTION turnwise.turn_lock(smallint, bigint), turnwise.completion_of(smallint, bigint, integer), '
  'turnwise.lock_turns(smallint[], bigint[], boolean[]) TO %I');
