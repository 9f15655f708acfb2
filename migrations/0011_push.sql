-- Where jobs of a kind are pushed to, and the secrets that sign them: [{"secret": "whsec_…", "until_us": …}, …], the present one
-- first. A node has to know them, so that they stand here as they are; nobody else has a right to this table.
ALTER TABLE turnwise.kind
  ADD COLUMN push_url        text CHECK (octet_length(push_url) BETWEEN 1 AND 2048),
  ADD COLUMN push_timeout_ms bigint CHECK (push_timeout_ms > 0),
  ADD COLUMN push_secrets    jsonb CHECK (jsonb_array_length(push_secrets) > 0),
  ADD CONSTRAINT kind_push_whole CHECK (num_nulls(push_url, push_timeout_ms, push_secrets) IN (0, 3));
