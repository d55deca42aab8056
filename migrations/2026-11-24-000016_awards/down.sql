ALTER TABLE orders DROP COLUMN passed_over_at;
REVOKE UPDATE (wrapped_key) ON organisation_keys FROM lokapasar_app;
REVOKE UPDATE (wrapped_private_key) ON quotation_keys FROM lokapasar_app;
DROP INDEX objections_open_key;
-- The older rule knows one undecided objection a quote: those against awards that were taken back go.
DELETE FROM objections o WHERE o.decided_at IS NULL AND EXISTS (SELECT FROM objections n
    WHERE n.quote_id = o.quote_id AND n.decided_at IS NULL AND n.id > o.id);
CREATE UNIQUE INDEX objections_open_key ON objections (quote_id) WHERE decided_at IS NULL;
ALTER TABLE objections DROP COLUMN evaluation_id;
