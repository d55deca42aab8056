-- Requests with their approvals, and the orders that come out of them.
CREATE TABLE requests (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    agency_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    method text NOT NULL,
    status text NOT NULL,
    status_reason text,
    title text NOT NULL,
    procurement_kind text NOT NULL,
    contract_form text NOT NULL,
    payment_way text NOT NULL,
    package_id uuid NOT NULL,
    budget_line_id uuid,
    budget_mode text,
    treasurer_id uuid REFERENCES memberships (id),
    activity_officer_id uuid REFERENCES memberships (id),
    dpa_number text,
    sub_activity text,
    account_code text,
    fund_source text,
    budget_declared boolean NOT NULL DEFAULT false,
    fiscal_year integer NOT NULL,
    officer_id uuid NOT NULL REFERENCES memberships (id),
    commitment_officer_id uuid REFERENCES memberships (id),
    comparison jsonb,
    split_reason text,
    needed_on date NOT NULL,
    goods_total numeric(20,2) NOT NULL DEFAULT 0,
    shipping_fee numeric(20,2) NOT NULL DEFAULT 0,
    vat_total numeric(20,2) NOT NULL DEFAULT 0,
    gross_total numeric(20,2) NOT NULL DEFAULT 0,
    tax_regime text,
    policy_versions jsonb NOT NULL DEFAULT '{}',
    content_hash bytea,
    approval_roles text[] NOT NULL DEFAULT '{}',
    submitted_at timestamptz,
    approval_due_at timestamptz,
    approved_at timestamptz,
    renewed_from uuid REFERENCES requests (id),
    replaces_order_id uuid,
    origin_system text,
    external_ref text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT requests_unit_fkey FOREIGN KEY (unit_id, agency_id, realm) REFERENCES work_units (id, agency_id, realm),
    CONSTRAINT requests_package_fkey FOREIGN KEY (package_id, agency_id, realm) REFERENCES packages (id, agency_id, realm),
    CONSTRAINT requests_budget_line_fkey FOREIGN KEY (budget_line_id, agency_id, realm) REFERENCES budget_lines (id, agency_id, realm),
    CONSTRAINT requests_tenant_key UNIQUE (id, agency_id, realm),
    CONSTRAINT requests_realm_key UNIQUE (id, realm),
    CONSTRAINT requests_method_check CHECK (method IN ('direct')),
    CONSTRAINT requests_status_check CHECK (status IN ('draft', 'pending_approval', 'returned', 'withdrawn', 'approved',
        'ordered', 'partially_ordered', 'closed', 'rejected', 'cancelled', 'expired')),
    CONSTRAINT requests_submitted_check CHECK (status <> 'pending_approval' OR num_nulls(content_hash, submitted_at, approval_due_at) = 0),
    CONSTRAINT requests_procurement_kind_check CHECK (procurement_kind IN ('goods', 'other_services', 'construction', 'consultancy')),
    CONSTRAINT requests_contract_form_check CHECK (contract_form IN ('purchase_proof', 'payment_receipt', 'work_order', 'purchase_order')),
    CONSTRAINT requests_payment_way_check CHECK (payment_way IN ('up', 'gu', 'tu', 'ls', 'card', 'blud', 'outside')),
    CONSTRAINT requests_total_check CHECK (gross_total = goods_total + shipping_fee + vat_total),
    CONSTRAINT requests_origin_key UNIQUE (realm, origin_system, external_ref)
);
CREATE INDEX requests_unit_idx ON requests (unit_id, id);
CREATE INDEX requests_agency_idx ON requests (agency_id, id);
CREATE INDEX requests_package_idx ON requests (package_id);
CREATE INDEX requests_due_idx ON requests (approval_due_at) WHERE status = 'pending_approval';
GRANT SELECT, INSERT, UPDATE ON requests TO lokapasar_app;

CREATE TABLE request_lines (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    request_id uuid NOT NULL,
    position integer NOT NULL,
    product_id uuid NOT NULL,
    vendor_id uuid NOT NULL,
    quantity numeric(14,3) NOT NULL,
    product_version integer,
    unit_price numeric(20,2),
    goods_amount numeric(20,2),
    vat_amount numeric(20,2),
    snapshot jsonb,
    CONSTRAINT request_lines_request_fkey FOREIGN KEY (request_id, realm) REFERENCES requests (id, realm) ON DELETE CASCADE,
    CONSTRAINT request_lines_product_fkey FOREIGN KEY (product_id, vendor_id, realm) REFERENCES products (id, vendor_id, realm),
    CONSTRAINT request_lines_position_key UNIQUE (request_id, position),
    CONSTRAINT request_lines_quantity_check CHECK (quantity > 0)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON request_lines TO lokapasar_app;

-- What each vendor charges for delivery, frozen on submission with the prices.
CREATE TABLE request_shipping (
    request_id uuid NOT NULL REFERENCES requests (id),
    vendor_id uuid NOT NULL REFERENCES vendors (id),
    fee numeric(20,2) NOT NULL,
    fee_vat numeric(20,2) NOT NULL,
    PRIMARY KEY (request_id, vendor_id),
    CONSTRAINT request_shipping_fee_check CHECK (fee >= 0 AND fee_vat >= 0)
);
GRANT SELECT, INSERT, DELETE ON request_shipping TO lokapasar_app;

CREATE TABLE delivery_slots (
    id uuid PRIMARY KEY,
    line_id uuid NOT NULL REFERENCES request_lines (id) ON DELETE CASCADE,
    position integer NOT NULL,
    day date NOT NULL,
    time_from time NOT NULL,
    time_to time NOT NULL,
    region_code text NOT NULL REFERENCES regions (code),
    address text NOT NULL,
    contact_name text NOT NULL,
    contact_phone_id uuid REFERENCES personal_values (id),
    quantity numeric(14,3) NOT NULL,
    CONSTRAINT delivery_slots_position_key UNIQUE (line_id, position),
    CONSTRAINT delivery_slots_quantity_check CHECK (quantity > 0),
    CONSTRAINT delivery_slots_window_check CHECK (time_to > time_from)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_slots TO lokapasar_app;

-- One row per approval step; each covers exactly the content hash it names.
CREATE TABLE approvals (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES requests (id),
    content_hash bytea NOT NULL,
    step integer NOT NULL,
    role text NOT NULL,
    membership_id uuid NOT NULL REFERENCES memberships (id),
    user_id uuid NOT NULL REFERENCES users (id),
    approved_at timestamptz NOT NULL,
    CONSTRAINT approvals_step_key UNIQUE (request_id, content_hash, step),
    -- Further steps are by other persons.
    CONSTRAINT approvals_person_key UNIQUE (request_id, content_hash, user_id)
);
GRANT SELECT, INSERT ON approvals TO lokapasar_app;

CREATE TABLE reassignments (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES requests (id),
    duty text NOT NULL,
    from_membership_id uuid REFERENCES memberships (id),
    to_membership_id uuid NOT NULL REFERENCES memberships (id),
    letter_number text NOT NULL,
    reassigned_at timestamptz NOT NULL,
    CONSTRAINT reassignments_duty_check CHECK (duty IN ('procurement_officer', 'commitment_officer'))
);
GRANT SELECT, INSERT ON reassignments TO lokapasar_app;

CREATE TABLE number_counters (
    realm text NOT NULL,
    agency_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    kind text NOT NULL,
    fiscal_year integer NOT NULL,
    last_number integer NOT NULL,
    PRIMARY KEY (realm, agency_id, unit_id, kind, fiscal_year),
    CONSTRAINT number_counters_unit_fkey FOREIGN KEY (unit_id, agency_id, realm) REFERENCES work_units (id, agency_id, realm)
);
GRANT SELECT, INSERT, UPDATE ON number_counters TO lokapasar_app;

CREATE TABLE orders (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    agency_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    vendor_id uuid NOT NULL,
    request_id uuid NOT NULL,
    number text NOT NULL,
    status text NOT NULL,
    status_reason text,
    fulfilment text NOT NULL DEFAULT 'none',
    acceptance text NOT NULL DEFAULT 'none',
    billing text NOT NULL DEFAULT 'none',
    goods_total numeric(20,2) NOT NULL,
    shipping_fee numeric(20,2) NOT NULL,
    vat_total numeric(20,2) NOT NULL,
    gross_total numeric(20,2) NOT NULL,
    tax_regime text NOT NULL,
    payment_way text NOT NULL,
    contract_form text NOT NULL,
    policy_versions jsonb NOT NULL,
    needed_on date NOT NULL,
    issued_at timestamptz NOT NULL,
    answer_due_at timestamptz NOT NULL,
    clock_provisional boolean NOT NULL,
    answered_at timestamptz,
    expiry_announced_at timestamptz,
    cancel_asked_by text,
    cancel_reason text,
    replaced_by_request_id uuid REFERENCES requests (id),
    origin_system text,
    external_ref text,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT orders_request_fkey FOREIGN KEY (request_id, agency_id, realm) REFERENCES requests (id, agency_id, realm),
    CONSTRAINT orders_unit_fkey FOREIGN KEY (unit_id, agency_id, realm) REFERENCES work_units (id, agency_id, realm),
    CONSTRAINT orders_vendor_fkey FOREIGN KEY (vendor_id, realm) REFERENCES vendors (id, realm),
    CONSTRAINT orders_number_key UNIQUE (realm, agency_id, number),
    CONSTRAINT orders_vendor_key UNIQUE (request_id, vendor_id),
    CONSTRAINT orders_status_check CHECK (status IN ('issued', 'accepted', 'declined', 'expired', 'change_proposed', 'cancelled')),
    CONSTRAINT orders_fulfilment_check CHECK (fulfilment IN ('none', 'partial', 'delivered')),
    CONSTRAINT orders_acceptance_check CHECK (acceptance IN ('none', 'partial', 'accepted', 'overdue')),
    CONSTRAINT orders_billing_check CHECK (billing IN ('none', 'partially_invoiced', 'invoiced', 'partially_paid', 'paid')),
    CONSTRAINT orders_cancel_check CHECK (cancel_asked_by IN ('vendor', 'agency')),
    CONSTRAINT orders_total_check CHECK (gross_total = goods_total + shipping_fee + vat_total),
    CONSTRAINT orders_origin_key UNIQUE (realm, origin_system, external_ref)
);
ALTER TABLE requests ADD CONSTRAINT requests_replaces_fkey FOREIGN KEY (replaces_order_id) REFERENCES orders (id);
CREATE INDEX orders_vendor_idx ON orders (vendor_id, id);
CREATE INDEX orders_unit_idx ON orders (unit_id, id);
CREATE INDEX orders_agency_idx ON orders (agency_id, id);
CREATE INDEX orders_due_idx ON orders (answer_due_at) WHERE status IN ('issued', 'change_proposed') AND expiry_announced_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON orders TO lokapasar_app;

CREATE TABLE order_lines (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    request_line_id uuid NOT NULL REFERENCES request_lines (id),
    position integer NOT NULL,
    product_id uuid NOT NULL REFERENCES products (id),
    quantity numeric(14,3) NOT NULL,
    unit_price numeric(20,2) NOT NULL,
    goods_amount numeric(20,2) NOT NULL,
    vat_amount numeric(20,2) NOT NULL,
    snapshot jsonb NOT NULL,
    CONSTRAINT order_lines_position_key UNIQUE (order_id, position)
);
GRANT SELECT, INSERT, UPDATE ON order_lines TO lokapasar_app;

CREATE TABLE order_changes (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    status text NOT NULL,
    proposed_at timestamptz NOT NULL,
    needed_on date,
    unit_prices jsonb NOT NULL,
    brand text,
    reason text NOT NULL,
    decided_at timestamptz,
    decision_reason text,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT order_changes_status_check CHECK (status IN ('proposed', 'accepted', 'rejected'))
);
CREATE UNIQUE INDEX order_changes_open_key ON order_changes (order_id) WHERE status = 'proposed';
GRANT SELECT, INSERT, UPDATE ON order_changes TO lokapasar_app;
