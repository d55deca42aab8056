-- Quotations: sealed quotes, opened after the deadline, compared, awarded.
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct', 'negotiated', 'quotation'));
ALTER TABLE requests DROP CONSTRAINT requests_status_check;
ALTER TABLE requests ADD CONSTRAINT requests_status_check CHECK (status IN ('draft', 'negotiating', 'agreed', 'negotiation_failed',
    'pending_approval', 'returned', 'withdrawn', 'approved', 'open', 'evaluating', 'awarded', 'failed',
    'ordered', 'partially_ordered', 'closed', 'rejected', 'cancelled', 'expired'));
-- Until when quotes are taken. It only ever moves later.
ALTER TABLE requests ADD COLUMN quote_deadline timestamptz;
ALTER TABLE requests ADD CONSTRAINT requests_quoting_check
    CHECK (status NOT IN ('open', 'evaluating', 'awarded') OR (method = 'quotation' AND quote_deadline IS NOT NULL));
CREATE INDEX requests_quote_deadline_idx ON requests (realm, quote_deadline, id) WHERE status = 'open';

-- What an office says of a quotation.
CREATE TABLE quotations (
    request_id uuid PRIMARY KEY,
    realm text NOT NULL,
    invitation text NOT NULL,
    award text NOT NULL,
    evaluation text NOT NULL,
    criteria jsonb NOT NULL,
    terms text NOT NULL,
    window_days integer NOT NULL,
    estimate_total numeric(20,2),
    estimate_public boolean NOT NULL DEFAULT true,
    -- The breakdown, sealed; it is in no answer, event, log or error.
    estimate_sealed bytea,
    estimate_set_at timestamptz,
    addenda integer NOT NULL DEFAULT 0,
    opening_mode text,
    opened_for_quotes_at timestamptz,
    opened_at timestamptz,
    evaluated_at timestamptz,
    CONSTRAINT quotations_request_fkey FOREIGN KEY (request_id, realm) REFERENCES requests (id, realm),
    CONSTRAINT quotations_invitation_check CHECK (invitation IN ('invited', 'open')),
    CONSTRAINT quotations_award_check CHECK (award IN ('whole', 'itemised')),
    CONSTRAINT quotations_evaluation_check CHECK (evaluation IN ('lowest_price', 'weighted')),
    CONSTRAINT quotations_window_check CHECK (window_days > 0),
    CONSTRAINT quotations_estimate_check CHECK (estimate_total > 0),
    CONSTRAINT quotations_opening_mode_check CHECK (opening_mode IN ('automatic_at_deadline', 'two_officers'))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON quotations TO lokapasar_app;

-- What is asked for; an award makes lines of the request out of them.
CREATE TABLE quotation_lines (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    request_id uuid NOT NULL,
    position integer NOT NULL,
    -- A product that shows what is meant; an equal one may be quoted.
    product_id uuid REFERENCES products (id),
    category_code text NOT NULL REFERENCES categories (code),
    name text NOT NULL,
    description text NOT NULL,
    unit text NOT NULL REFERENCES units_of_measure (code),
    attributes jsonb NOT NULL,
    quantity numeric(14,3) NOT NULL,
    CONSTRAINT quotation_lines_request_fkey FOREIGN KEY (request_id, realm) REFERENCES requests (id, realm),
    CONSTRAINT quotation_lines_position_key UNIQUE (request_id, position),
    CONSTRAINT quotation_lines_quantity_check CHECK (quantity > 0)
);
CREATE INDEX quotation_lines_category_idx ON quotation_lines (category_code, request_id);
GRANT SELECT, INSERT, DELETE ON quotation_lines TO lokapasar_app;

CREATE TABLE quotation_slots (
    id uuid PRIMARY KEY,
    line_id uuid NOT NULL REFERENCES quotation_lines (id) ON DELETE CASCADE,
    position integer NOT NULL,
    day date NOT NULL,
    time_from time NOT NULL,
    time_to time NOT NULL,
    region_code text NOT NULL REFERENCES regions (code),
    address text NOT NULL,
    contact_name text NOT NULL,
    contact_phone_id uuid REFERENCES personal_values (id),
    quantity numeric(14,3) NOT NULL,
    CONSTRAINT quotation_slots_position_key UNIQUE (line_id, position),
    CONSTRAINT quotation_slots_quantity_check CHECK (quantity > 0),
    CONSTRAINT quotation_slots_window_check CHECK (time_to > time_from)
);
GRANT SELECT, INSERT, DELETE ON quotation_slots TO lokapasar_app;

CREATE TABLE quotation_invitations (
    request_id uuid NOT NULL,
    vendor_id uuid NOT NULL,
    realm text NOT NULL,
    invited_at timestamptz NOT NULL,
    PRIMARY KEY (request_id, vendor_id),
    CONSTRAINT quotation_invitations_request_fkey FOREIGN KEY (request_id, realm) REFERENCES requests (id, realm),
    CONSTRAINT quotation_invitations_vendor_fkey FOREIGN KEY (vendor_id, realm) REFERENCES vendors (id, realm)
);
CREATE INDEX quotation_invitations_vendor_idx ON quotation_invitations (vendor_id, request_id);
GRANT SELECT, INSERT ON quotation_invitations TO lokapasar_app;

CREATE TABLE quotation_questions (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES requests (id),
    vendor_id uuid NOT NULL REFERENCES vendors (id),
    question text NOT NULL,
    asked_at timestamptz NOT NULL,
    answer text,
    answered_at timestamptz,
    answered_by_membership_id uuid REFERENCES memberships (id),
    CONSTRAINT quotation_questions_answer_check CHECK (num_nulls(answer, answered_at, answered_by_membership_id) IN (0, 3))
);
CREATE INDEX quotation_questions_request_idx ON quotation_questions (request_id, id);
GRANT SELECT, INSERT, UPDATE ON quotation_questions TO lokapasar_app;

CREATE TABLE quotation_addenda (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES requests (id),
    number integer NOT NULL,
    text text NOT NULL,
    quote_deadline timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    membership_id uuid NOT NULL REFERENCES memberships (id),
    CONSTRAINT quotation_addenda_number_key UNIQUE (request_id, number)
);
GRANT SELECT, INSERT ON quotation_addenda TO lokapasar_app;

-- The private halves are wrapped by the key ring, which lives outside the database.
CREATE TABLE quotation_keys (
    request_id uuid NOT NULL REFERENCES requests (id),
    number integer NOT NULL,
    public_key bytea NOT NULL,
    wrapped_private_key bytea NOT NULL,
    quote_deadline timestamptz NOT NULL,
    PRIMARY KEY (request_id, number)
);
GRANT SELECT, INSERT ON quotation_keys TO lokapasar_app;

-- A key of each vendor's organisation, wrapped by the ring: drafts and own copies are under it.
CREATE TABLE organisation_keys (
    organisation_id uuid PRIMARY KEY REFERENCES organisations (id),
    wrapped_key bytea NOT NULL
);
GRANT SELECT, INSERT ON organisation_keys TO lokapasar_app;

CREATE TABLE quotes (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    request_id uuid NOT NULL,
    vendor_id uuid NOT NULL,
    status text NOT NULL,
    status_reason text,
    -- What the vendor last wrote, under its organisation's key.
    own_copy bytea NOT NULL,
    changed_at timestamptz NOT NULL,
    -- The submission that counts.
    submission integer,
    submitted_at timestamptz,
    commitment bytea,
    -- How many addenda the vendor has seen and stands by.
    confirmed_addenda integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT quotes_request_fkey FOREIGN KEY (request_id, realm) REFERENCES requests (id, realm),
    CONSTRAINT quotes_vendor_fkey FOREIGN KEY (vendor_id, realm) REFERENCES vendors (id, realm),
    CONSTRAINT quotes_vendor_key UNIQUE (request_id, vendor_id),
    CONSTRAINT quotes_status_check CHECK (status IN ('draft', 'submitted', 'withdrawn', 'opened', 'unreadable', 'unconfirmed',
        'disqualified', 'awarded', 'not_awarded')),
    CONSTRAINT quotes_submission_check CHECK (status <> 'submitted' OR num_nulls(submission, submitted_at, commitment) = 0)
);
CREATE INDEX quotes_vendor_idx ON quotes (vendor_id, id);
GRANT SELECT, INSERT, UPDATE ON quotes TO lokapasar_app;

-- Every submission is evidence; a later one replaces it.
CREATE TABLE quote_submissions (
    quote_id uuid NOT NULL REFERENCES quotes (id),
    number integer NOT NULL,
    request_id uuid NOT NULL REFERENCES requests (id),
    key_number integer NOT NULL,
    sealed bytea NOT NULL,
    commitment bytea NOT NULL,
    submitted_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    PRIMARY KEY (quote_id, number),
    CONSTRAINT quote_submissions_key_fkey FOREIGN KEY (request_id, key_number) REFERENCES quotation_keys (request_id, number),
    CONSTRAINT quote_submissions_end_check CHECK ((ended_at IS NULL) = (end_reason IS NULL) AND end_reason IN ('replaced', 'withdrawn'))
);
CREATE UNIQUE INDEX quote_submissions_counting_key ON quote_submissions (quote_id) WHERE ended_at IS NULL;
CREATE INDEX quote_submissions_request_idx ON quote_submissions (request_id);
GRANT SELECT, INSERT, UPDATE (ended_at, end_reason) ON quote_submissions TO lokapasar_app;

-- What the counting submissions said, from the opening on; never changed.
CREATE TABLE opened_quotes (
    quote_id uuid PRIMARY KEY REFERENCES quotes (id),
    request_id uuid NOT NULL REFERENCES requests (id),
    content jsonb,
    salt bytea,
    -- What the vendor was at the opening: registered for VAT, its scale and form.
    facts jsonb NOT NULL,
    -- Why it could not be read: reported, never dropped.
    fault text,
    opened_at timestamptz NOT NULL,
    CONSTRAINT opened_quotes_content_check CHECK ((fault IS NULL) = (content IS NOT NULL AND salt IS NOT NULL))
);
CREATE INDEX opened_quotes_request_idx ON opened_quotes (request_id);
GRANT SELECT, INSERT ON opened_quotes TO lokapasar_app;

-- Who asked for the opening, too early ones included.
CREATE TABLE opening_attempts (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES requests (id),
    membership_id uuid REFERENCES memberships (id),
    user_id uuid REFERENCES users (id),
    attempted_at timestamptz NOT NULL,
    outcome text NOT NULL,
    CONSTRAINT opening_attempts_outcome_check CHECK (outcome IN ('too_early', 'first_of_two', 'opened', 'same_person'))
);
CREATE INDEX opening_attempts_request_idx ON opening_attempts (request_id);
GRANT SELECT, INSERT ON opening_attempts TO lokapasar_app;

-- Until when those not chosen may object; orders follow after it.
ALTER TABLE requests ADD COLUMN objections_until timestamptz;
CREATE INDEX requests_objections_idx ON requests (objections_until) WHERE status = 'awarded';

-- Whether a vendor delivers to a region: one that names no regions serves its own regency.
CREATE FUNCTION vendor_serves(vendor uuid, region text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM vendor_regions WHERE vendor_id = vendor)
        THEN EXISTS (SELECT FROM vendor_regions g WHERE g.vendor_id = vendor
            AND (region = g.region_code OR region LIKE g.region_code || '.%'))
        ELSE EXISTS (SELECT FROM vendors v WHERE v.id = vendor
            AND (region = left(v.region_code, 5) OR region LIKE left(v.region_code, 5) || '.%')) END
$$;
