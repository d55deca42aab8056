-- Purchases that were made already, entered with proof.
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct', 'negotiated', 'quotation', 'urgent', 'recorded'));
ALTER TABLE requests DROP CONSTRAINT requests_status_check;
ALTER TABLE requests ADD CONSTRAINT requests_status_check CHECK (status IN ('draft', 'negotiating', 'agreed', 'negotiation_failed',
    'pending_approval', 'returned', 'withdrawn', 'approved', 'open', 'evaluating', 'awarded', 'failed',
    'ordered', 'partially_ordered', 'recorded', 'closed', 'rejected', 'cancelled', 'expired'));
-- What was bought, from whom, why and when, as its officer typed it.
ALTER TABLE requests ADD COLUMN recorded jsonb;
ALTER TABLE requests ADD CONSTRAINT requests_recorded_check
    CHECK (status <> 'recorded' OR (method = 'recorded' AND recorded IS NOT NULL AND approved_at IS NOT NULL));
CREATE INDEX requests_recorded_idx ON requests (realm, id) WHERE status = 'recorded';

CREATE TABLE purchase_proofs (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    request_id uuid NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    storage_key text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    membership_id uuid NOT NULL REFERENCES memberships (id),
    ended_at timestamptz,
    CONSTRAINT purchase_proofs_request_fkey FOREIGN KEY (request_id, realm) REFERENCES requests (id, realm)
);
CREATE INDEX purchase_proofs_request_idx ON purchase_proofs (request_id, id) WHERE ended_at IS NULL;
GRANT SELECT, INSERT, UPDATE (ended_at) ON purchase_proofs TO lokapasar_app;
