-- Tokens: who may make which calls. Made and revoked by the schema's owner (`turnwise token`); nodes only read.

-- Of a secret only its SHA-256 is here: it has 256 random bits, so nothing slower is needed against guessing.
CREATE TABLE turnwise.token (
  id            text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-z]{8,32}$'),
  owner         text NOT NULL CHECK (octet_length(owner) BETWEEN 1 AND 128),
  scopes        text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['submit', 'work', 'admin']),
  secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by    text NOT NULL DEFAULT session_user,
  expires_at    timestamptz,
  revoked_at    timestamptz,
  revoked_by    text
);
CREATE INDEX token_owner ON turnwise.token (owner);

-- One row. Grows with every change, so that a node which looks every second reads the tokens only when there is something new.
CREATE TABLE turnwise.token_version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version  bigint NOT NULL
);
INSERT INTO turnwise.token_version (version) VALUES (1);

-- The row is locked until the change commits: whoever reads a version finds all changes up to it.
CREATE FUNCTION turnwise.note_token_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE turnwise.token_version SET version = version + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER token_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON turnwise.token
  FOR EACH STATEMENT EXECUTE FUNCTION turnwise.note_token_change();

SELECT turnwise.allow_nodes('GRANT SELECT ON turnwise.token, turnwise.token_version TO %I');
