-- Realms, the append-only trail, reference data and the machinery that every slice stands on.

-- The application's role owns nothing; what it may do is granted table by table.
GRANT USAGE ON SCHEMA public TO lokapasar_app;
GRANT SELECT ON __diesel_schema_migrations TO lokapasar_app;

CREATE TABLE realms (
    realm text PRIMARY KEY,
    clock_offset_seconds bigint NOT NULL DEFAULT 0,
    CONSTRAINT realms_realm_check CHECK (realm IN ('live', 'sandbox', 'training')),
    CONSTRAINT realms_live_clock_check CHECK (realm <> 'live' OR clock_offset_seconds = 0),
    CONSTRAINT realms_forward_check CHECK (clock_offset_seconds >= 0)
);
INSERT INTO realms (realm) VALUES ('live'), ('sandbox'), ('training');
GRANT SELECT, UPDATE (clock_offset_seconds) ON realms TO lokapasar_app;

CREATE TABLE audit (
    id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    realm text NOT NULL REFERENCES realms (realm),
    trade_time timestamptz NOT NULL,
    actor_id uuid,
    membership_id uuid,
    role text,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    before_digest bytea,
    after_digest bytea,
    reason text,
    request_id text NOT NULL,
    PRIMARY KEY (id, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX audit_subject_idx ON audit (subject_id, recorded_at);

CREATE TABLE events (
    id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    realm text NOT NULL REFERENCES realms (realm),
    trade_time timestamptz NOT NULL,
    kind text NOT NULL,
    schema_version integer NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    payload jsonb NOT NULL,
    commitment bytea NOT NULL,
    transaction_id bigint NOT NULL,
    PRIMARY KEY (id, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX events_transaction_idx ON events (transaction_id, id);

-- Salts of the commitments in `audit` and `events`; erasing one makes its digest say nothing.
CREATE TABLE commitment_salts (
    record_id uuid PRIMARY KEY,
    salt bytea NOT NULL
);

-- The dense order of events; every cursor and feed counts in it alone.
CREATE TABLE event_positions (
    position bigint PRIMARY KEY,
    event_id uuid NOT NULL CONSTRAINT event_positions_event_key UNIQUE,
    recorded_at timestamptz NOT NULL
);
CREATE TABLE event_readers (
    reader text PRIMARY KEY,
    position bigint NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Makes the monthly partitions of the trail from last month to `ahead` months from now.
CREATE FUNCTION ensure_partitions(ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    month date;
    made integer := 0;
BEGIN
    IF ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'ahead must lie between 0 and 24';
    END IF;
    FOREACH parent IN ARRAY ARRAY['audit', 'events'] LOOP
        FOR step IN -1..ahead LOOP
            month := (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => step))::date;
            IF to_regclass(format('%I', parent || to_char(month, '_YYYY_MM'))) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    parent || to_char(month, '_YYYY_MM'), parent,
                    month::text || ' 00:00+00', (month + interval '1 month')::date::text || ' 00:00+00');
                EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                    parent || to_char(month, '_YYYY_MM'));
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
SELECT ensure_partitions(3);
GRANT SELECT, INSERT ON audit, events TO lokapasar_app;
GRANT SELECT, INSERT, DELETE ON commitment_salts TO lokapasar_app;
GRANT SELECT, INSERT ON event_positions TO lokapasar_app;
GRANT SELECT, INSERT, UPDATE ON event_readers TO lokapasar_app;
REVOKE ALL ON FUNCTION ensure_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(integer) TO lokapasar_app;

-- Answers stored under an Idempotency-Key, sealed; see `platform::http`.
CREATE TABLE idempotency_keys (
    scope bytea PRIMARY KEY,
    request_mac bytea NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO lokapasar_app;

-- Every personal value of the system: sealed, with a blind index under a key of its own.
-- `exclusive_scope` names where the value may occur once (a log-in contact, the NIK of a vendor).
-- `blind_index_next` is filled while the index key changes; both columns are live then.
CREATE TABLE personal_values (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    sealed bytea NOT NULL,
    blind_index bytea NOT NULL,
    blind_index_next bytea,
    exclusive_scope text,
    CONSTRAINT personal_values_kind_check
        CHECK (kind IN ('email', 'phone', 'nik', 'npwp', 'bank_account', 'address'))
);
CREATE UNIQUE INDEX personal_values_exclusive_key
    ON personal_values (exclusive_scope, blind_index) WHERE exclusive_scope IS NOT NULL;
CREATE UNIQUE INDEX personal_values_exclusive_next_key
    ON personal_values (exclusive_scope, blind_index_next)
    WHERE exclusive_scope IS NOT NULL AND blind_index_next IS NOT NULL;
CREATE INDEX personal_values_index_idx ON personal_values (kind, blind_index);
GRANT SELECT, INSERT, UPDATE, DELETE ON personal_values TO lokapasar_app;

CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    marker uuid,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT jobs_state_check CHECK (state IN ('running', 'done', 'failed'))
);
CREATE UNIQUE INDEX jobs_running_key ON jobs (kind) WHERE state = 'running';
GRANT SELECT, INSERT, UPDATE ON jobs TO lokapasar_app;

-- Kemendagri codes, PP.KK.CC.
CREATE TABLE regions (
    code text PRIMARY KEY,
    name text NOT NULL,
    level text NOT NULL,
    parent_code text REFERENCES regions (code),
    CONSTRAINT regions_level_check CHECK (level IN ('province', 'regency', 'district', 'village'))
);
CREATE INDEX regions_parent_idx ON regions (parent_code);
GRANT SELECT, INSERT, UPDATE ON regions TO lokapasar_app;

CREATE TABLE holidays (
    day date PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    legal_basis text NOT NULL,
    CONSTRAINT holidays_kind_check CHECK (kind IN ('national', 'joint_leave'))
);
GRANT SELECT, INSERT, UPDATE ON holidays TO lokapasar_app;

CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE policies (
    id uuid PRIMARY KEY,
    key text NOT NULL,
    agency_id uuid,
    value text NOT NULL,
    unit text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    legal_basis text NOT NULL,
    note text NOT NULL,
    set_by uuid,
    set_at timestamptz NOT NULL,
    CONSTRAINT policies_validity_check CHECK (valid_to IS NULL OR valid_to >= valid_from),
    -- One value of a key holds on any day, for the platform and for each agency.
    CONSTRAINT policies_overlap_excl EXCLUDE USING gist (
        key WITH =,
        (coalesce(agency_id, '00000000-0000-0000-0000-000000000000'::uuid)) WITH =,
        daterange(valid_from, valid_to, '[]') WITH &&
    )
);
GRANT SELECT, INSERT ON policies TO lokapasar_app;
