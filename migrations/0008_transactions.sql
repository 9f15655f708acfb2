-- What users call in their own transactions: turnwise.submit(). A bad call fails there, never later at the owner, so what POST
-- /v1/jobs checks is checked here too, by the same limits (model/limits.hpp, app/api/new_job.cpp).

-- Raises, with words that say what to do.
CREATE FUNCTION turnwise.refuse(p_words text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'turnwise: ' || p_words;
END $$;

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

-- ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
-- The id of a job or hold: see model/job_id.cpp. epoch (23 bits) | shard (10 bits) | n (40 bits) in Crockford's base 32, and a
-- check character (Luhn mod 32).

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

-- ── Rights ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

REVOKE EXECUTE ON FUNCTION
  turnwise.refuse(text), turnwise.check_name(text, text, integer), turnwise.check_json(jsonb, text, integer),
  turnwise.check_members(jsonb, text, text[]), turnwise.say_duration(bigint), turnwise.read_duration(jsonb, text, bigint, bigint),
  turnwise.read_time(jsonb, text), turnwise.read_number(jsonb, text, numeric, numeric, boolean),
  turnwise.read_word(jsonb, text, text[]), turnwise.read_backoff(jsonb), turnwise.read_options(jsonb),
  turnwise.submit(text, text, jsonb, jsonb), turnwise.luhn_sum(text, integer), turnwise.id_of(smallint, bigint),
  turnwise.entry_of(text), turnwise.job_of(text) FROM PUBLIC;

-- Lets a role call what users call, and nothing else. Called by the schema's owner or by a superuser.
CREATE FUNCTION turnwise.grant_to_user_role(p_role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA turnwise TO %I', p_role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION turnwise.submit(text, text, jsonb, jsonb), turnwise.job_of(text) TO %I', p_role);
END $$;
REVOKE EXECUTE ON FUNCTION turnwise.grant_to_user_role(name) FROM PUBLIC;
