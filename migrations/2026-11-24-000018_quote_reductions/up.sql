-- Negotiating with whoever leads: asked for with a reason, answered with lower prices or not at all. What was
-- handed in stays as it is; what was granted lies beside it.
CREATE TABLE quote_reductions (
    id uuid PRIMARY KEY,
    quote_id uuid NOT NULL REFERENCES quotes (id),
    request_id uuid NOT NULL REFERENCES requests (id),
    number integer NOT NULL,
    reason text NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by_membership_id uuid NOT NULL REFERENCES memberships (id),
    due_at timestamptz NOT NULL,
    -- Unit prices by line and the delivery fee; none: the vendor keeps its price.
    granted jsonb,
    note text,
    answered_at timestamptz,
    CONSTRAINT quote_reductions_number_key UNIQUE (quote_id, number),
    CONSTRAINT quote_reductions_answer_check CHECK (answered_at IS NOT NULL OR num_nonnulls(granted, note) = 0)
);
CREATE UNIQUE INDEX quote_reductions_open_key ON quote_reductions (quote_id) WHERE answered_at IS NULL;
CREATE INDEX quote_reductions_request_idx ON quote_reductions (request_id, number);
GRANT SELECT, INSERT, UPDATE (granted, note, answered_at) ON quote_reductions TO lokapasar_app;
