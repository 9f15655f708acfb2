-- Roles that nodes use, remembered, so that whoever makes a segment gives them their rights on it.

CREATE TABLE turnwise.node_role (
  name text PRIMARY KEY
);

-- Gives the remembered roles their rights on a table of the journal. A role that is gone is passed over.
CREATE FUNCTION turnwise.grant_segment(p_number bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_role text;
BEGIN
  FOR v_role IN SELECT r.name FROM turnwise.node_role AS r JOIN pg_roles AS known ON known.rolname = r.name LOOP
    EXECUTE format('GRANT SELECT, INSERT ON turnwise.journal_%s TO %I', p_number, v_role);
  END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.grant_segment(bigint) FROM PUBLIC;

-- As before, and with the rights of the node roles.
CREATE OR REPLACE FUNCTION turnwise.create_segment(p_number bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
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
  PERFORM turnwise.grant_segment(p_number);
  INSERT INTO turnwise.segment (number) VALUES (p_number);
END $$;

-- Gives a role what a node needs and no more: no DDL, no UPDATE or DELETE in the journal. Called by the schema's owner or by a
-- superuser; also for the segments that are made later.
CREATE OR REPLACE FUNCTION turnwise.grant_to_node_role(p_role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA turnwise TO %I', p_role);
  EXECUTE format('GRANT SELECT ON turnwise.cluster_meta, turnwise.migration, turnwise.segment TO %I', p_role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON turnwise.node, turnwise.node_beat TO %I', p_role);
  EXECUTE format('GRANT SELECT, UPDATE ON turnwise.shard TO %I', p_role);
  EXECUTE format('GRANT SELECT, INSERT ON turnwise.segment_shard TO %I', p_role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION turnwise.extend_journal(bigint) TO %I', p_role);
  INSERT INTO turnwise.node_role (name) VALUES (p_role) ON CONFLICT DO NOTHING;
  PERFORM turnwise.grant_segment(number) FROM turnwise.segment;
END $$;

-- The names of events, so that whoever reads the journal by SQL need not know their numbers.
CREATE TABLE turnwise.event (
  number smallint PRIMARY KEY,
  name   text NOT NULL UNIQUE
);
INSERT INTO turnwise.event (number, name) VALUES
  (1, 'submitted'), (2, 'due'), (3, 'started'), (4, 'succeeded'), (5, 'failed'), (6, 'expired'), (7, 'timed-out'),
  (8, 'released'), (9, 'cancel-requested'), (10, 'cancelled'), (11, 'retried'), (12, 'replaced'), (13, 'wait-expired'),
  (14, 'coalesced'), (15, 'held'), (16, 'hold-prolonged'), (17, 'hold-released'), (18, 'hold-expired'), (19, 'paused'),
  (20, 'resumed');

-- For people: everything that happened to a subject, in order. Reads the shard's part of every segment, so not for machines.
CREATE OR REPLACE FUNCTION turnwise.journal_of(p_subject text)
RETURNS TABLE (segment bigint, entry bigint, seq bigint, at timestamptz, event text, kind text, key text, detail json,
               payload text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  v_shard smallint := turnwise.shard_of(p_subject);
  v_entries bigint[] := '{}';
  v_opened bigint[];
  v_segment bigint;
BEGIN
  FOR v_segment IN SELECT s.segment FROM turnwise.segment_shard AS s WHERE s.shard = v_shard ORDER BY s.segment LOOP
    EXECUTE format('SELECT array_agg(DISTINCT entry) FROM turnwise.journal_%s WHERE shard = $1 AND subject = $2', v_segment)
       INTO v_opened USING v_shard, p_subject;
    v_entries := v_entries || coalesce(v_opened, '{}');
    RETURN QUERY EXECUTE format(
      'SELECT %1$s::bigint, j.entry, j.seq, j.at, coalesce(e.name, j.event::text), j.kind, j.key, j.detail, j.payload
         FROM turnwise.journal_%1$s AS j LEFT JOIN turnwise.event AS e ON e.number = j.event
        WHERE j.shard = $1 AND j.entry = ANY ($2) ORDER BY j.seq', v_segment)
      USING v_shard, v_entries;
  END LOOP;
END $$;
