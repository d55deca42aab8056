-- People, organisations, and who acts for whom.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    full_name text NOT NULL,
    password_hash text NOT NULL,
    language text NOT NULL,
    demo boolean NOT NULL,
    reset_requested_at timestamptz,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT users_language_check CHECK (language IN ('id', 'en'))
);
GRANT SELECT, INSERT, UPDATE ON users TO lokapasar_app;

CREATE TABLE contacts (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    kind text NOT NULL,
    value_id uuid NOT NULL REFERENCES personal_values (id),
    verified_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz NOT NULL,
    link_version integer NOT NULL DEFAULT 1,
    CONSTRAINT contacts_kind_check CHECK (kind IN ('email', 'phone'))
);
CREATE INDEX contacts_user_idx ON contacts (user_id);
CREATE INDEX contacts_value_idx ON contacts (value_id);
GRANT SELECT, INSERT, UPDATE ON contacts TO lokapasar_app;

CREATE TABLE organisations (
    id uuid PRIMARY KEY,
    realm text NOT NULL REFERENCES realms (realm),
    kind text NOT NULL,
    name text NOT NULL,
    code text,
    time_zone text NOT NULL,
    origin_system text,
    external_ref text,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT organisations_kind_check CHECK (kind IN ('vendor', 'agency', 'platform')),
    CONSTRAINT organisations_realm_key UNIQUE (id, realm),
    CONSTRAINT organisations_origin_check CHECK ((origin_system IS NULL) = (external_ref IS NULL)),
    CONSTRAINT organisations_origin_key UNIQUE (realm, origin_system, external_ref),
    CONSTRAINT organisations_code_key UNIQUE (realm, code)
);
GRANT SELECT, INSERT, UPDATE ON organisations TO lokapasar_app;
ALTER TABLE policies ADD CONSTRAINT policies_agency_fkey FOREIGN KEY (agency_id) REFERENCES organisations (id);

CREATE TABLE work_units (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    agency_id uuid NOT NULL,
    parent_id uuid,
    code text NOT NULL,
    source_code text,
    name text NOT NULL,
    short_name text NOT NULL,
    source text,
    source_ref text,
    confirmed_at timestamptz,
    external_value text,
    ended_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT work_units_agency_fkey FOREIGN KEY (agency_id, realm) REFERENCES organisations (id, realm),
    CONSTRAINT work_units_tenant_key UNIQUE (id, agency_id, realm),
    CONSTRAINT work_units_parent_fkey FOREIGN KEY (parent_id, agency_id, realm) REFERENCES work_units (id, agency_id, realm),
    CONSTRAINT work_units_code_key UNIQUE (agency_id, code),
    CONSTRAINT work_units_short_name_key UNIQUE (agency_id, short_name)
);
CREATE INDEX work_units_source_idx ON work_units (agency_id, source_code);
GRANT SELECT, INSERT, UPDATE ON work_units TO lokapasar_app;

CREATE TABLE memberships (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    organisation_id uuid NOT NULL,
    realm text NOT NULL,
    role text NOT NULL,
    capacity text,
    letter_number text,
    valid_from date NOT NULL,
    valid_to date,
    ended_at timestamptz,
    created_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT memberships_organisation_fkey FOREIGN KEY (organisation_id, realm) REFERENCES organisations (id, realm),
    CONSTRAINT memberships_validity_check CHECK (valid_to IS NULL OR valid_to >= valid_from),
    CONSTRAINT memberships_capacity_check CHECK (capacity IS NULL OR capacity IN ('ppk', 'kpa_as_ppk', 'pptk_acting_as_ppk'))
);
CREATE INDEX memberships_user_idx ON memberships (user_id);
CREATE UNIQUE INDEX memberships_active_key ON memberships (user_id, organisation_id, role) WHERE ended_at IS NULL;
CREATE INDEX memberships_organisation_idx ON memberships (organisation_id, id);
GRANT SELECT, INSERT, UPDATE ON memberships TO lokapasar_app;

-- The work units that a membership covers, of its own agency or of another one.
CREATE TABLE membership_units (
    membership_id uuid NOT NULL REFERENCES memberships (id),
    unit_id uuid NOT NULL REFERENCES work_units (id),
    PRIMARY KEY (membership_id, unit_id)
);
CREATE INDEX membership_units_unit_idx ON membership_units (unit_id);
GRANT SELECT, INSERT, DELETE ON membership_units TO lokapasar_app;

CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    organisation_id uuid NOT NULL,
    contact_kind text NOT NULL,
    contact_id uuid NOT NULL REFERENCES personal_values (id),
    role text NOT NULL,
    capacity text,
    letter_number text,
    unit_ids uuid[] NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    invited_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT invitations_organisation_fkey FOREIGN KEY (organisation_id, realm) REFERENCES organisations (id, realm),
    CONSTRAINT invitations_end_check CHECK (accepted_at IS NULL OR revoked_at IS NULL)
);
CREATE INDEX invitations_organisation_idx ON invitations (organisation_id, id);
GRANT SELECT, INSERT, UPDATE ON invitations TO lokapasar_app;

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    membership_id uuid REFERENCES memberships (id),
    device text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text
);
CREATE INDEX sessions_user_idx ON sessions (user_id, id);
GRANT SELECT, INSERT, UPDATE ON sessions TO lokapasar_app;

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON refresh_tokens TO lokapasar_app;

-- Growing delay after refused log-ins, by account and by address (keyed digests only).
CREATE TABLE login_delays (
    subject bytea PRIMARY KEY,
    failures integer NOT NULL,
    blocked_until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON login_delays TO lokapasar_app;

-- Notices to people; the text is made when it is sent, so no link or token rests here.
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    event_id uuid NOT NULL,
    realm text NOT NULL,
    value_id uuid NOT NULL REFERENCES personal_values (id),
    language text NOT NULL,
    template text NOT NULL,
    arguments jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    leased_until timestamptz,
    sent_at timestamptz,
    given_up_at timestamptz,
    CONSTRAINT deliveries_once_key UNIQUE (event_id, value_id, template)
);
CREATE INDEX deliveries_due_idx ON deliveries (due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON deliveries TO lokapasar_app;
