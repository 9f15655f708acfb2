-- What a node's role may do, as data: a later migration adds its own rights with allow_nodes() and repeats nothing.

CREATE TABLE turnwise.node_right (
  number    int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement text NOT NULL UNIQUE -- a GRANT; %I stands for the role
);

-- Gives rights to all roles that nodes use, and to those that will be. Called by migrations.
CREATE FUNCTION turnwise.allow_nodes(VARIADIC p_statements text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_statement text;
  v_role text;
BEGIN
  FOREACH v_statement IN ARRAY p_statements LOOP
    INSERT INTO turnwise.node_right (statement) VALUES (v_statement);
    FOR v_role IN SELECT r.name FROM turnwise.node_role AS r JOIN pg_roles AS known ON known.rolname = r.name LOOP
      EXECUTE format(v_statement, v_role);
    END LOOP;
  END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.allow_nodes(text[]) FROM PUBLIC;

SELECT turnwise.allow_nodes(
  'GRANT USAGE ON SCHEMA turnwise TO %I',
  'GRANT SELECT ON turnwise.cluster_meta, turnwise.migration, turnwise.segment TO %I',
  'GRANT SELECT, INSERT, UPDATE, DELETE ON turnwise.node, turnwise.node_beat TO %I',
  'GRANT SELECT, UPDATE ON turnwise.shard TO %I',
  'GRANT SELECT, INSERT ON turnwise.segment_shard TO %I',
  'GRANT EXECUTE ON FUNCTION turnwise.extend_journal(bigint, bigint, interval) TO %I',
  'GRANT EXECUTE ON FUNCTION turnwise.drop_segment(bigint, interval, bigint) TO %I');

-- Gives a role what a node needs and no more: no DDL, no UPDATE or DELETE in the journal. Called by the schema's owner or by a
-- superuser; also for the segments that are made later.
CREATE OR REPLACE FUNCTION turnwise.grant_to_node_role(p_role name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_statement text;
BEGIN
  INSERT INTO turnwise.node_role (name) VALUES (p_role) ON CONFLICT DO NOTHING;
  FOR v_statement IN SELECT statement FROM turnwise.node_right ORDER BY number LOOP
    EXECUTE format(v_statement, p_role);
  END LOOP;
  PERFORM turnwise.grant_segment(number) FROM turnwise.segment;
END $$;

DROP FUNCTION turnwise.grant_functions(name);
