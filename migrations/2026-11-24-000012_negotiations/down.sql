ALTER TABLE negotiations DROP CONSTRAINT negotiations_agreed_fkey;
DROP TABLE negotiation_rounds;
DROP TABLE negotiations;
DROP INDEX requests_negotiation_due_idx;
ALTER TABLE requests DROP CONSTRAINT requests_agreed_check;
ALTER TABLE requests DROP CONSTRAINT requests_negotiating_check;
ALTER TABLE requests DROP COLUMN agreed_terms;
ALTER TABLE requests DROP COLUMN attempt;
ALTER TABLE requests DROP COLUMN negotiation_due_at;
-- What was under negotiation ends; every other request was direct in all but name.
UPDATE requests SET status = 'cancelled', status_reason = 'negotiation not supported' WHERE status IN ('negotiating', 'agreed', 'negotiation_failed');
UPDATE requests SET method = 'direct' WHERE method = 'negotiated';
ALTER TABLE requests DROP CONSTRAINT requests_status_check;
ALTER TABLE requests ADD CONSTRAINT requests_status_check CHECK (status IN ('draft', 'pending_approval', 'returned', 'withdrawn', 'approved',
    'ordered', 'partially_ordered', 'closed', 'rejected', 'cancelled', 'expired'));
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct'));
