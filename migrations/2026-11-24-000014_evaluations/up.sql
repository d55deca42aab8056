-- Comparing opened quotes, awarding, and objecting to it.
ALTER TABLE quotes ADD COLUMN disqualified_code text;
ALTER TABLE quotes ADD COLUMN verified_at timestamptz;
-- Quotes that an earlier award chose and whose vendor declined or stayed silent.
ALTER TABLE quotes ADD COLUMN passed_over_at timestamptz;
ALTER TABLE quotes ADD CONSTRAINT quotes_disqualified_check
    CHECK ((status = 'disqualified') = (disqualified_code IS NOT NULL) AND (status <> 'disqualified' OR status_reason IS NOT NULL)
        AND disqualified_code IN ('administrative', 'technical', 'price_unreasonable', 'tax', 'conflict_of_interest', 'not_cured', 'other'));

-- One evaluator's scores; each sees the own sheet alone until the scores are agreed.
CREATE TABLE score_sheets (
    request_id uuid NOT NULL REFERENCES requests (id),
    user_id uuid NOT NULL REFERENCES users (id),
    membership_id uuid NOT NULL REFERENCES memberships (id),
    scores jsonb NOT NULL,
    handed_in_at timestamptz NOT NULL,
    PRIMARY KEY (request_id, user_id)
);
GRANT SELECT, INSERT, UPDATE ON score_sheets TO lokapasar_app;

-- What was agreed and what it comes to. A further row replaces the one before: evidence is not changed.
CREATE TABLE evaluations (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES requests (id),
    number integer NOT NULL,
    scores jsonb NOT NULL,
    reason text,
    input jsonb NOT NULL,
    ranking jsonb NOT NULL,
    content_hash bytea NOT NULL,
    membership_id uuid NOT NULL REFERENCES memberships (id),
    completed_at timestamptz NOT NULL,
    awarded_at timestamptz,
    awarded_by_membership_id uuid REFERENCES memberships (id),
    award_reason text,
    CONSTRAINT evaluations_number_key UNIQUE (request_id, number),
    CONSTRAINT evaluations_award_check CHECK ((awarded_at IS NULL) = (awarded_by_membership_id IS NULL))
);
GRANT SELECT, INSERT, UPDATE (awarded_at, awarded_by_membership_id, award_reason) ON evaluations TO lokapasar_app;

-- Formal faults that a vendor may mend; the price is locked, and both versions are kept.
CREATE TABLE quote_cures (
    id uuid PRIMARY KEY,
    quote_id uuid NOT NULL REFERENCES quotes (id),
    fault text NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by_membership_id uuid NOT NULL REFERENCES memberships (id),
    due_at timestamptz NOT NULL,
    answer text,
    answered_at timestamptz,
    CONSTRAINT quote_cures_answer_check CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE UNIQUE INDEX quote_cures_open_key ON quote_cures (quote_id) WHERE answer IS NULL;
GRANT SELECT, INSERT, UPDATE (answer, answered_at) ON quote_cures TO lokapasar_app;

CREATE TABLE objections (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES requests (id),
    quote_id uuid NOT NULL REFERENCES quotes (id),
    text text NOT NULL,
    filed_at timestamptz NOT NULL,
    upheld boolean,
    decision text,
    decided_at timestamptz,
    decided_by_membership_id uuid REFERENCES memberships (id),
    CONSTRAINT objections_decision_check CHECK (num_nulls(upheld, decision, decided_at, decided_by_membership_id) IN (0, 4))
);
CREATE INDEX objections_request_idx ON objections (request_id);
CREATE UNIQUE INDEX objections_open_key ON objections (quote_id) WHERE decided_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON objections TO lokapasar_app;

-- A later award of the same request may go to a vendor that has an order of it already.
ALTER TABLE orders ADD COLUMN award integer NOT NULL DEFAULT 1;
ALTER TABLE orders DROP CONSTRAINT orders_vendor_key;
ALTER TABLE orders ADD CONSTRAINT orders_vendor_key UNIQUE (request_id, vendor_id, award);
