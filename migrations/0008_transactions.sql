-- What users call in their own transactions: submit, guard, complete. A bad call fails there, never later at the owner, so what
-- POST /v1/jobs checks is checked here too, by the same limits (model/limits.hpp, app/api/new_job.cpp).

-- Subjects and kinds.
CREATE FUNCTION turnwise.check_name(p_name text, p_what text, p_bytes_max integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_name IS NULL OR p_name = '' THEN
    PERFORM turnwise.refuse(format('the %s is empty', p_what));
  ELSIF octet_length(p_name) > p_bytes_max THEN
    PERFORM turnwise.refuse(format('the %s has %s bytes; at most %s are allowed', p_what, octet_length(p_name), p_bytes_max));
  ELSIF p_name ~ '[\u0001-\u001f\u007f-\u009f]' THEN
    PERFORM turnwise.refuse(format('the %s has a control character', p_what));
  END IF;
END $$;

-- A JSON text of the user's: its size, its depth and its numbers.
CREATE FUNCTION turnwise.check_json(p_json jsonb, p_what text, p_bytes_max integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF octet_length(p_json::text) > p_bytes_max THEN
    PERFORM turnwise.refuse(format('%s has %s bytes; at most %s are taken: store it elsewhere and submit a reference', p_what,
                                   octet_length(p_json::text), p_bytes_max));
  ELSIF octet_length(p_json::text) < 2 * 64 THEN
    RETURN; -- too short for what follows
  ELSIF jsonb_path_exists(p_json, 'strict $.**{63} ? (@.type() == "array" || @.type() == "object")', silent => true) THEN
    PERFORM turnwise.refuse(format('%s is nested deeper than 63 levels', p_what));
  ELSIF jsonb_path_exists(p_json, 'strict $.** ? (@.type() == "number" && (@ > $most || @ < -$most))',
                          '{"most": 1.7976931348623157e308}', true) THEN
    PERFORM turnwise.refuse(format('%s has a number that no double can hold', p_what));
  END IF;
END $$;

-- The only members that an object may have.
CREATE FUNCTION turnwise.check_members(p_object jsonb, p_what text, p_names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_unknown text;
BEGIN
  IF jsonb_typeof(p_object) <> 'object' THEN
    PERFORM turnwise.refuse(format('%s must be a JSON object', p_what));
  END IF;
  SELECT name INTO v_unknown FROM jsonb_object_keys(p_object) AS name WHERE name <> ALL (p_names) LIMIT 1;
  IF v_unknown IS NOT NULL THEN
    PERFORM turnwise.refuse(format('%s has no member %s; it may have %s', p_what, v_unknown, array_to_string(p_names, ', ')));
  END IF;
END $$;

-- Milliseconds in the largest unit that divides them.
CREATE FUNCTION turnwise.say_duration(p_ms bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_ms % 86400000 = 0 THEN p_ms / 86400000 || 'd' WHEN p_ms % 1000 = 0 THEN p_ms / 1000 || 's'
              ELSE p_ms || 'ms' END
$$;

-- A duration in milliseconds; NULL when the member is not there.
CREATE FUNCTION turnwise.read_duration(p_object jsonb, p_name text, p_least bigint, p_most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  v_text text := CASE jsonb_typeof(p_object -> p_name) WHEN 'string' THEN p_object ->> p_name ELSE '' END;
  v_parts text[] := regexp_match(v_text, '^([0-9]{1,13})(ms|s|m|h|d)$');
  v_ms numeric;
BEGIN
  IF NOT p_object ? p_name THEN
    RETURN NULL;
  ELSIF v_parts IS NOT NULL THEN
    v_ms := v_parts[1]::numeric * CASE v_parts[2] WHEN 'ms' THEN 1 WHEN 's' THEN 1000 WHEN 'm' THEN 60000
                                                  WHEN 'h' THEN 3600000 ELSE 86400000 END;
  ELSE
    v_parts := regexp_match(v_text, '^P(?=[0-9T])(?:([0-9]{1,13})D)?(?:T(?=[0-9])(?:([0-9]{1,13})H)?(?:([0-9]{1,13})M)?'
                                    '(?:([0-9]{1,13}(?:\.[0-9]+)?)S)?)?$');
    IF v_parts IS NULL THEN
      PERFORM turnwise.refuse(format('%s must be a duration like "10s", "1500ms", "5m", "1h", "2d" or "PT10S"', p_name));
    END IF;
    v_ms := coalesce(v_parts[1]::numeric, 0) * 86400000 + coalesce(v_parts[2]::numeric, 0) * 3600000
            + coalesce(v_parts[3]::numeric, 0) * 60000 + trunc(coalesce(v_parts[4]::numeric, 0) * 1000);
  END IF;
  IF v_ms NOT BETWEEN p_least AND p_most THEN
    PERFORM turnwise.refuse(format('%s must be from %s to %s', p_name, turnwise.say_duration(p_least),
                                   turnwise.say_duration(p_most)));
  END IF;
  RETURN v_ms;
END $$;

-- A moment in microseconds since 1970; NULL when the member is not there.
CREATE FUNCTION turnwise.read_time(p_object jsonb, p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_form text := '^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)[0-9]*([Zz]|[+-][0-9]{2}:[0-9]{2})$';
  v_parts text[] := regexp_match(CASE jsonb_typeof(p_object -> p_name) WHEN 'string' THEN p_object ->> p_name END, v_form);
BEGIN
  IF NOT p_object ? p_name THEN
    RETURN NULL;
  ELSIF v_parts IS NOT NULL THEN
    RETURN (extract(epoch FROM (v_parts[1] || ' ' || v_parts[2] || v_parts[3])::timestamptz) * 1000000)::bigint;
  END IF;
  PERFORM turnwise.refuse(format('%s must be a time like "2031-05-04T10:30:00Z" (RFC 3339)', p_name));
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
  PERFORM turnwise.refuse(format('%s is no moment that exists: %s', p_name, p_object ->> p_name));
END $$;

-- A number; NULL when the member is not there.
CREATE FUNCTION turnwise.read_number(p_object jsonb, p_name text, p_least numeric, p_most numeric, p_whole boolean) RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE
  v_number numeric := CASE jsonb_typeof(p_object -> p_name) WHEN 'number' THEN (p_object ->> p_name)::numeric END;
BEGIN
  IF p_object ? p_name AND (v_number IS NULL OR v_number NOT BETWEEN p_least AND p_most OR (p_whole AND v_number % 1 <> 0)) THEN
    PERFORM turnwise.refuse(format('%s must be a %s from %s to %s', p_name, CASE WHEN p_whole THEN 'whole number' ELSE 'number' END,
                                   p_least, p_most));
  END IF;
  RETURN CASE WHEN p_whole THEN trunc(v_number) ELSE v_number END;
END $$;

-- One of a few words; NULL when the member is not there.
CREATE FUNCTION turnwise.read_word(p_object jsonb, p_name text, p_words text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF p_object ? p_name AND (jsonb_typeof(p_object -> p_name) <> 'string' OR p_object ->> p_name <> ALL (p_words)) THEN
    PERFORM turnwise.refuse(format('%s must be one of "%s"', p_name, array_to_string(p_words, '", "')));
  END IF;
  RETURN p_object ->> p_name;
END $$;

CREATE FUNCTION turnwise.read_backoff(p_options jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_given jsonb := p_options -> 'backoff';
  v_initial bigint;
  v_max bigint;
BEGIN
  IF v_given IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM turnwise.check_members(v_given, 'backoff', ARRAY['initial', 'factor', 'max', 'jitter']);
  v_initial := coalesce(turnwise.read_duration(v_given, 'initial', 1, 2592000000), 1000);
  v_max := coalesce(turnwise.read_duration(v_given, 'max', 1, 2592000000), greatest(600000, v_initial));
  IF v_max < v_initial THEN
    PERFORM turnwise.refuse('the max of backoff must not be less than its initial');
  END IF;
  RETURN jsonb_build_object(
    'initial_ms', v_initial, 'max_ms', v_max,
    'factor', coalesce(turnwise.read_number(v_given, 'factor', 1, 100, false), 2)::float8::text,
    'jitter', coalesce(turnwise.read_word(v_given, 'jitter', ARRAY['full', 'none']), 'full'));
END $$;

-- The options of a job, checked, in the form in which the journal keeps them (storage/record_codec.hpp).
CREATE FUNCTION turnwise.read_options(p_options jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_run_at bigint;
  v_expires_at bigint;
BEGIN
  IF p_options = '{}' THEN
    RETURN p_options;
  END IF;
  PERFORM turnwise.check_members(p_options, 'options', ARRAY['run_at', 'delay', 'max_attempts', 'backoff', 'on_failure', 'timeout',
                                                             'lease', 'coalesce', 'expires_at', 'idempotency_key', 'metadata']);
  v_run_at := turnwise.read_time(p_options, 'run_at');
  v_expires_at := turnwise.read_time(p_options, 'expires_at');
  IF v_run_at IS NOT NULL AND p_options ? 'delay' THEN
    PERFORM turnwise.refuse('give run_at or delay, not both');
  ELSIF v_expires_at <= v_run_at THEN
    PERFORM turnwise.refuse('expires_at must be later than run_at, else the job could never start');
  ELSIF v_expires_at <= extract(epoch FROM clock_timestamp()) * 1000000 THEN
    PERFORM turnwise.refuse('expires_at must lie ahead: the job has expired already');
  END IF;
  IF p_options ? 'metadata' THEN
    PERFORM turnwise.check_json(p_options -> 'metadata', 'metadata', 4096);
    IF jsonb_typeof(p_options -> 'metadata') <> 'object' THEN
      PERFORM turnwise.refuse('metadata must be an object');
    END IF;
  END IF;
  IF p_options ? 'idempotency_key' AND
     (jsonb_typeof(p_options -> 'idempotency_key') <> 'string' OR octet_length(p_options ->> 'idempotency_key') NOT BETWEEN 1 AND 255
      OR p_options ->> 'idempotency_key' ~ '[\u0001-\u001f\u007f]') THEN
    PERFORM turnwise.refuse('idempotency_key must have 1 to 255 bytes and no control characters');
  END IF;
  RETURN jsonb_strip_nulls(jsonb_build_object(
    'run_at', v_run_at, 'expires_at', v_expires_at,
    'delay_ms', turnwise.read_duration(p_options, 'delay', 0, 3162240000000),
    'max_attempts', turnwise.read_number(p_options, 'max_attempts', 1, 1000000, true),
    'backoff', turnwise.read_backoff(p_options),
    'on_failure', turnwise.read_word(p_options, 'on_failure', ARRAY['park', 'halt', 'discard']),
    'timeout_ms', turnwise.read_duration(p_options, 'timeout', 1, 604800000),
    'lease_ms', turnwise.read_duration(p_options, 'lease', 3000, 86400000),
    'coalesce', turnwise.read_word(p_options, 'coalesce', ARRAY['skip', 'once_more', 'replace']),
    'metadata', (p_options -> 'metadata')::text));
END $$;

-- A job for a subject, as POST /v1/jobs, in the caller's transaction: it runs if that commits, and never existed if not. Jobs of
-- one session run in the order of its calls. Returns a name for the row: turnwise.job_of() says which job it has become.
CREATE FUNCTION turnwise.submit(subject text, kind text, payload jsonb DEFAULT 'null', options jsonb DEFAULT '{}') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_payload jsonb := coalesce(submit.payload, 'null');
  v_options jsonb := coalesce(submit.options, '{}');
  v_key text := v_options ->> 'idempotency_key';
  v_detail jsonb;
  v_shard smallint;
BEGIN
  PERFORM turnwise.check_name(submit.subject, 'subject', 255);
  IF submit.subject !~ '^[^:]+:.' THEN
    PERFORM turnwise.refuse('a subject is a type and an id with a colon between them, such as artifact:123');
  END IF;
  PERFORM turnwise.check_name(submit.kind, 'kind', 128);
  PERFORM turnwise.check_json(v_payload, 'the payload', 262144);
  v_detail := turnwise.read_options(v_options);
  IF v_key IS NOT NULL THEN
    v_detail := v_detail || jsonb_build_object('fingerprint', encode(substr(sha256(convert_to(
      submit.subject || E'\n' || submit.kind || E'\n' || v_payload::text || E'\n' || v_options::text, 'UTF8')), 1, 8), 'hex'));
  END IF;
  v_shard := turnwise.shard_of(submit.subject);
  RETURN v_shard || '.' || turnwise.leave_outside(v_shard, 1::smallint, NULL, submit.subject, submit.kind, v_key,
                                                  nullif(v_detail, '{}')::json, v_payload::text);
END $$;

-- The id of the job that a call of turnwise.submit() has led to: its own, or the one that absorbed it. NULL while the row is not
-- taken over, which is a moment after the commit, and when the journal's retention is over. For people and for now and then: it
-- reads the shard's part of the journal.
CREATE FUNCTION turnwise.job_of(submitted text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_parts text[] := regexp_match(submitted, '^([0-9]{1,4})\.([0-9]{1,18})$');
  v_segment bigint;
  v_entry bigint;
BEGIN
  IF v_parts IS NULL THEN
    PERFORM turnwise.refuse(format('%L is not what turnwise.submit() returned', submitted));
  END IF;
  FOR v_segment IN SELECT segment FROM turnwise.segment_shard WHERE shard = v_parts[1]::smallint ORDER BY segment DESC LOOP
    EXECUTE format('SELECT coalesce((detail ->> ''of'')::bigint, entry) FROM turnwise.journal_%s
                     WHERE shard = $1 AND event IN (1, 12, 14, 21, 22) AND detail ->> ''outside'' = $2', v_segment)
       INTO v_entry USING v_parts[1]::smallint, v_parts[2];
    EXIT WHEN v_entry IS NOT NULL;
  END LOOP;
  RETURN turnwise.id_of(v_parts[1]::smallint, nullif(v_entry, 0));
END $$;

-- ── A turn, in the transaction of whoever has it ─────────────────────────────────────────────────────────────────────────────

-- Raises unless each statement of the transaction sees what was committed before it: with an older snapshot the end of a turn
-- would not be seen.
CREATE FUNCTION turnwise.check_isolation() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_transaction_state',
      MESSAGE = 'turnwise: the transaction must be READ COMMITTED, but is ' || upper(current_setting('transaction_isolation')),
      HINT = 'With an older snapshot it would not see that the turn has ended.';
  END IF;
END $$;

-- Returns when the turn of this job or hold is still the caller's, and keeps it so until the transaction ends: until then it is not
-- ended by force, nor by fail or release. Raises TW001 when it has ended or been superseded.
CREATE FUNCTION turnwise.guard(job_or_hold_id text, fencing_token bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_shard smallint;
  v_entry bigint;
  v_turn record;
BEGIN
  PERFORM turnwise.check_isolation();
  SELECT shard, entry INTO v_shard, v_entry FROM turnwise.entry_of(job_or_hold_id);
  PERFORM pg_advisory_xact_lock_shared(turnwise.turn_lock(v_shard, v_entry));
  SELECT * INTO v_turn FROM turnwise.turn_of(v_shard, v_entry);
  IF v_turn.token IS DISTINCT FROM fencing_token
     OR turnwise.completion_of(v_shard, v_entry, v_turn.attempt) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TW001', MESSAGE = format('turnwise: the turn of %s with fencing token %s has ended',
                                                              job_or_hold_id, fencing_token);
  END IF;
END $$;

-- The 26 digits of a receipt's nonce as the journal writes it.
CREATE FUNCTION turnwise.nonce_of(p_digits text) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_value numeric := 0;
BEGIN
  FOR v_place IN 1 .. length(p_digits) LOOP
    v_value := v_value * 32 + strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(p_digits, v_place, 1)) - 1;
  END LOOP;
  RETURN (SELECT string_agg(lpad(to_hex(mod(div(v_value, 4294967296::numeric ^ word), 4294967296)::bigint), 8, '0'), ''
                            ORDER BY word DESC)
            FROM generate_series(0, 3) AS word)::uuid;
END $$;

-- Completes the attempt that the receipt stands for, as POST /v1/claims/{receipt}/complete, with the transaction: when it commits the
-- job has succeeded, whatever its worker says later; when not, nothing was said. Raises TW001 when the attempt has ended, been
-- superseded, or been completed.
CREATE FUNCTION turnwise.complete(receipt text, result jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_parts text[] := regexp_match(translate(lower(receipt), 'oil', '011'), '^([0-9a-z]+)-([1-9][0-9]{0,8})-([0-7][0-9a-hjkmnp-tv-z]{25})$');
  v_shard smallint;
  v_entry bigint;
  v_turn record;
BEGIN
  PERFORM turnwise.check_isolation();
  IF v_parts IS NULL THEN
    PERFORM turnwise.refuse(format('%L is no receipt', receipt));
  END IF;
  SELECT shard, entry INTO v_shard, v_entry FROM turnwise.entry_of(v_parts[1]);
  PERFORM turnwise.check_json(result, 'the result', 65536);
  PERFORM pg_advisory_xact_lock_shared(turnwise.turn_lock(v_shard, v_entry));
  PERFORM pg_advisory_xact_lock(turnwise.turn_lock(v_shard, v_entry) # 1); -- one such call at a time
  SELECT * INTO v_turn FROM turnwise.turn_of(v_shard, v_entry);
  IF v_turn.token IS NULL OR v_turn.attempt IS DISTINCT FROM v_parts[2]::integer
     OR v_turn.nonce IS DISTINCT FROM turnwise.nonce_of(v_parts[3])
     OR turnwise.completion_of(v_shard, v_entry, v_turn.attempt) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TW001', MESSAGE = 'turnwise: the attempt of this receipt has ended',
      HINT = 'Another attempt may have begun: drop the work.';
  END IF;
  PERFORM turnwise.leave_outside(v_shard, 2::smallint, v_entry, NULL, NULL, NULL,
                                 json_build_object('attempt', v_turn.attempt, 'nonce', v_turn.nonce), result::text);
END $$;

-- ── Rights ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

REVOKE EXECUTE ON FUNCTION
  turnwise.check_name(text, text, integer), turnwise.check_json(jsonb, text, integer),
  turnwise.check_members(jsonb, text, text[]), turnwise.say_duration(bigint), turnwise.read_duration(jsonb, text, bigint, bigint),
  turnwise.read_time(jsonb, text), turnwise.read_number(jsonb, text, numeric, numeric, boolean),
  turnwise.read_word(jsonb, text, text[]), turnwise.read_backoff(jsonb), turnwise.read_options(jsonb),
  turnwise.submit(text, text, jsonb, jsonb), turnwise.job_of(text), turnwise.check_isolation(), turnwise.guard(text, bigint),
  turnwise.nonce_of(text), turnwise.complete(text, jsonb) FROM PUBLIC;

-- Lets a role call what users call, and nothing else. Called by the schema's owner or by a superuser.
CREATE FUNCTION turnwise.grant_to_user_role(p_role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA turnwise TO %I', p_role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION turnwise.submit(text, text, jsonb, jsonb), turnwise.job_of(text), '
                 'turnwise.guard(text, bigint), turnwise.complete(text, jsonb) TO %I', p_role);
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.grant_to_user_role(name) FROM PUBLIC;
