-- Negotiated purchases: the price is agreed first, then the agreement is approved.
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct', 'negotiated'));
ALTER TABLE requests DROP CONSTRAINT requests_status_check;
ALTER TABLE requests ADD CONSTRAINT requests_status_check CHECK (status IN ('draft', 'negotiating', 'agreed', 'negotiation_failed',
    'pending_approval', 'returned', 'withdrawn', 'approved', 'ordered', 'partially_ordered', 'closed', 'rejected', 'cancelled', 'expired'));
ALTER TABLE requests ADD COLUMN negotiation_due_at timestamptz;
-- How often negotiations were begun; those of an earlier attempt are void.
ALTER TABLE requests ADD COLUMN attempt integer NOT NULL DEFAULT 0;
-- What was agreed with each vendor: round, delivery fee, lead time.
ALTER TABLE requests ADD COLUMN agreed_terms jsonb;
ALTER TABLE requests ADD CONSTRAINT requests_negotiating_check
    CHECK (status NOT IN ('negotiating', 'agreed') OR (method = 'negotiated' AND negotiation_due_at IS NOT NULL AND attempt > 0));
ALTER TABLE requests ADD CONSTRAINT requests_agreed_check CHECK (status <> 'agreed' OR agreed_terms IS NOT NULL);
CREATE INDEX requests_negotiation_due_idx ON requests (negotiation_due_at) WHERE status IN ('negotiating', 'agreed');

-- One for each vendor of a basket; they are agreed apart.
CREATE TABLE negotiations (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    request_id uuid NOT NULL,
    vendor_id uuid NOT NULL,
    attempt integer NOT NULL,
    status text NOT NULL,
    -- What is asked for, at list prices, as it was when the negotiation began.
    lines jsonb NOT NULL,
    shipping_fee numeric(20,2) NOT NULL,
    gross_total numeric(20,2) NOT NULL,
    opened_at timestamptz NOT NULL,
    last_activity_at timestamptz NOT NULL,
    agreed_round_id uuid,
    CONSTRAINT negotiations_request_fkey FOREIGN KEY (request_id, realm) REFERENCES requests (id, realm),
    CONSTRAINT negotiations_vendor_fkey FOREIGN KEY (vendor_id, realm) REFERENCES vendors (id, realm),
    CONSTRAINT negotiations_attempt_key UNIQUE (request_id, attempt, vendor_id),
    CONSTRAINT negotiations_status_check CHECK (status IN ('open', 'agreed', 'failed')),
    CONSTRAINT negotiations_agreed_check CHECK ((status = 'agreed') = (agreed_round_id IS NOT NULL))
);
CREATE INDEX negotiations_vendor_idx ON negotiations (vendor_id, id);
GRANT SELECT, INSERT, UPDATE ON negotiations TO lokapasar_app;

-- Proposals are evidence: a round is never changed, and one of them may be accepted.
CREATE TABLE negotiation_rounds (
    id uuid PRIMARY KEY,
    negotiation_id uuid NOT NULL REFERENCES negotiations (id),
    number integer NOT NULL,
    proposed_by text NOT NULL,
    membership_id uuid NOT NULL REFERENCES memberships (id),
    unit_prices jsonb NOT NULL,
    goods_total numeric(20,2) NOT NULL,
    shipping_fee numeric(20,2) NOT NULL,
    vat_total numeric(20,2) NOT NULL,
    gross_total numeric(20,2) NOT NULL,
    lead_time_days integer,
    note text,
    proposed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT negotiation_rounds_number_key UNIQUE (negotiation_id, number),
    CONSTRAINT negotiation_rounds_negotiation_key UNIQUE (id, negotiation_id),
    CONSTRAINT negotiation_rounds_side_check CHECK (proposed_by IN ('office', 'vendor')),
    CONSTRAINT negotiation_rounds_total_check CHECK (shipping_fee >= 0 AND gross_total = goods_total + shipping_fee + vat_total),
    CONSTRAINT negotiation_rounds_lead_time_check CHECK (lead_time_days >= 0)
);
GRANT SELECT, INSERT ON negotiation_rounds TO lokapasar_app;
ALTER TABLE negotiations ADD CONSTRAINT negotiations_agreed_fkey
    FOREIGN KEY (agreed_round_id, id) REFERENCES negotiation_rounds (id, negotiation_id);
