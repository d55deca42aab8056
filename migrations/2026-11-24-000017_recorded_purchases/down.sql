DROP TABLE purchase_proofs;
DROP INDEX requests_recorded_idx;
ALTER TABLE requests DROP CONSTRAINT requests_recorded_check;
-- The older contract knows no such purchase: they end as closed direct ones, what was said of them in the reason for urgency.
UPDATE requests SET urgent_reason = recorded::text WHERE recorded IS NOT NULL;
UPDATE requests SET method = 'direct', status = CASE status WHEN 'recorded' THEN 'closed' ELSE status END WHERE method = 'recorded';
ALTER TABLE requests DROP COLUMN recorded;
ALTER TABLE requests DROP CONSTRAINT requests_status_check;
ALTER TABLE requests ADD CONSTRAINT requests_status_check CHECK (status IN ('draft', 'negotiating', 'agreed', 'negotiation_failed',
    'pending_approval', 'returned', 'withdrawn', 'approved', 'open', 'evaluating', 'awarded', 'failed',
    'ordered', 'partially_ordered', 'closed', 'rejected', 'cancelled', 'expired'));
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct', 'negotiated', 'quotation', 'urgent'));
