-- Kinds as operators set them: what their jobs are tried by, how many run at a time, who has stopped them.

-- A row per kind that something is set for. What is NULL is as Turnwise has it.
CREATE TABLE turnwise.kind (
  name               text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 128),
  revision           bigint NOT NULL UNIQUE CHECK (revision > 0),
  max_attempts       bigint CHECK (max_attempts > 0),
  backoff_initial_ms bigint,
  backoff_factor     double precision,
  backoff_max_ms     bigint,
  backoff_jitter     text CHECK (backoff_jitter IN ('full', 'none')),
  on_failure         text CHECK (on_failure IN ('park', 'halt', 'discard')),
  timeout_ms         bigint CHECK (timeout_ms > 0),
  lease_ms           bigint CHECK (lease_ms > 0),
  concurrency        bigint CHECK (concurrency > 0), -- jobs that run at a time on a node
  paused_at          timestamptz,
  paused_by          text,
  paused_why         text,
  CHECK (num_nulls(backoff_initial_ms, backoff_factor, backoff_max_ms, backoff_jitter) IN (0, 4)),
  CHECK (num_nulls(paused_at, paused_by, paused_why) IN (0, 3))
);

-- One row: the number of the newest change. Whoever changes a kind takes the next number first and so holds this row to its
-- commit: numbers become visible in their order, and who has seen one has missed none before it.
CREATE TABLE turnwise.kind_revision (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  revision bigint NOT NULL
);
INSERT INTO turnwise.kind_revision (revision) VALUES (0);

SELECT turnwise.allow_nodes(
  'GRANT SELECT, INSERT, UPDATE, DELETE ON turnwise.kind TO %I',
  'GRANT SELECT, UPDATE ON turnwise.kind_revision TO %I');
