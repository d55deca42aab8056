-- Procurement packages (RUP) and budget lines, with what is held against them.
CREATE TABLE packages (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    agency_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    rup_code text NOT NULL,
    name text NOT NULL,
    description text,
    fiscal_year integer NOT NULL,
    procurement_kind text,
    method text,
    ceiling numeric(20,2) NOT NULL,
    reserved numeric(20,2) NOT NULL DEFAULT 0,
    committed numeric(20,2) NOT NULL DEFAULT 0,
    shortfall numeric(20,2) NOT NULL DEFAULT 0,
    fund_source text,
    account_text text,
    status_pradipa text,
    contract_start date,
    contract_end date,
    raw jsonb NOT NULL,
    source text NOT NULL,
    source_ref text,
    confirmed_at timestamptz NOT NULL,
    external_value text,
    mapped_from_year integer,
    ended_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT packages_unit_fkey FOREIGN KEY (unit_id, agency_id, realm) REFERENCES work_units (id, agency_id, realm),
    CONSTRAINT packages_tenant_key UNIQUE (id, agency_id, realm),
    CONSTRAINT packages_rup_key UNIQUE (realm, agency_id, fiscal_year, rup_code),
    CONSTRAINT packages_balance_check CHECK (reserved >= 0 AND committed >= 0 AND shortfall >= 0
        AND reserved + committed <= ceiling + shortfall),
    CONSTRAINT packages_procurement_kind_check CHECK (procurement_kind IN ('goods', 'other_services', 'construction', 'consultancy'))
);
CREATE INDEX packages_unit_idx ON packages (unit_id, fiscal_year, id);
GRANT SELECT, INSERT, UPDATE ON packages TO lokapasar_app;

CREATE TABLE budget_lines (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    agency_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    package_id uuid NOT NULL,
    ordinal integer NOT NULL,
    fiscal_year integer NOT NULL,
    sub_activity text,
    account_code text,
    account_text text NOT NULL,
    fund_source text NOT NULL,
    dpa_version text NOT NULL,
    ceiling numeric(20,2) NOT NULL,
    reserved numeric(20,2) NOT NULL DEFAULT 0,
    committed numeric(20,2) NOT NULL DEFAULT 0,
    spent numeric(20,2) NOT NULL DEFAULT 0,
    shortfall numeric(20,2) NOT NULL DEFAULT 0,
    raw jsonb NOT NULL,
    source text NOT NULL,
    source_ref text,
    confirmed_at timestamptz NOT NULL,
    external_value text,
    ended_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT budget_lines_package_fkey FOREIGN KEY (package_id, agency_id, realm) REFERENCES packages (id, agency_id, realm),
    CONSTRAINT budget_lines_unit_fkey FOREIGN KEY (unit_id, agency_id, realm) REFERENCES work_units (id, agency_id, realm),
    CONSTRAINT budget_lines_tenant_key UNIQUE (id, agency_id, realm),
    CONSTRAINT budget_lines_natural_key UNIQUE (package_id, account_text, fund_source, ceiling, ordinal),
    CONSTRAINT budget_lines_dpa_check CHECK (dpa_version IN ('murni', 'pergeseran', 'perubahan')),
    CONSTRAINT budget_lines_balance_check CHECK (reserved >= 0 AND committed >= 0 AND spent >= 0 AND shortfall >= 0
        AND reserved + committed + spent <= greatest(ceiling, 0) + shortfall)
) WITH (fillfactor = 70);
CREATE INDEX budget_lines_unit_idx ON budget_lines (unit_id, fiscal_year, id);
GRANT SELECT, INSERT, UPDATE ON budget_lines TO lokapasar_app;

-- What holds money on a package and, by budget mode, on a budget line.
CREATE TABLE budget_reservations (
    id uuid PRIMARY KEY,
    package_id uuid NOT NULL REFERENCES packages (id),
    budget_line_id uuid REFERENCES budget_lines (id),
    request_id uuid NOT NULL,
    order_id uuid,
    amount numeric(20,2) NOT NULL,
    stage text NOT NULL,
    lapses_at timestamptz,
    released_at timestamptz,
    CONSTRAINT budget_reservations_amount_check CHECK (amount > 0),
    CONSTRAINT budget_reservations_stage_check CHECK (stage IN ('reserved', 'committed'))
);
CREATE INDEX budget_reservations_package_idx ON budget_reservations (package_id, lapses_at) WHERE released_at IS NULL;
CREATE INDEX budget_reservations_request_idx ON budget_reservations (request_id) WHERE released_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON budget_reservations TO lokapasar_app;
