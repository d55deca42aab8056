DROP FUNCTION vendor_serves(uuid, text);
DROP INDEX requests_objections_idx;
ALTER TABLE requests DROP COLUMN objections_until;
DROP TABLE opening_attempts;
DROP TABLE opened_quotes;
DROP TABLE quote_submissions;
DROP TABLE quotes;
DROP TABLE organisation_keys;
DROP TABLE quotation_keys;
DROP TABLE quotation_addenda;
DROP TABLE quotation_questions;
DROP TABLE quotation_invitations;
DROP TABLE quotation_slots;
DROP TABLE quotation_lines;
DROP TABLE quotations;
DROP INDEX requests_quote_deadline_idx;
ALTER TABLE requests DROP CONSTRAINT requests_quoting_check;
ALTER TABLE requests DROP COLUMN quote_deadline;
-- What was under way ends; every other request was direct in all but name.
UPDATE requests SET status = 'cancelled', status_reason = 'quotation not supported'
    WHERE status IN ('open', 'evaluating', 'awarded', 'failed') OR (method = 'quotation' AND status = 'approved');
UPDATE requests SET method = 'direct' WHERE method = 'quotation';
ALTER TABLE requests DROP CONSTRAINT requests_status_check;
ALTER TABLE requests ADD CONSTRAINT requests_status_check CHECK (status IN ('draft', 'negotiating', 'agreed', 'negotiation_failed',
    'pending_approval', 'returned', 'withdrawn', 'approved', 'ordered', 'partially_ordered', 'closed', 'rejected', 'cancelled', 'expired'));
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct', 'negotiated'));
