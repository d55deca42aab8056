-- An objection is against one award; when that is taken back, the objection is against nothing any more.
ALTER TABLE objections ADD COLUMN evaluation_id uuid REFERENCES evaluations (id);
UPDATE objections o SET evaluation_id = (SELECT e.id FROM evaluations e
    WHERE e.request_id = o.request_id AND e.awarded_at <= o.filed_at ORDER BY e.number DESC LIMIT 1);
ALTER TABLE objections ALTER COLUMN evaluation_id SET NOT NULL;
DROP INDEX objections_open_key;
CREATE UNIQUE INDEX objections_open_key ON objections (quote_id, evaluation_id) WHERE decided_at IS NULL;

-- Changing the ring's keys wraps again what lies ahead.
GRANT UPDATE (wrapped_private_key) ON quotation_keys TO lokapasar_app;
GRANT UPDATE (wrapped_key) ON organisation_keys TO lokapasar_app;

-- An order that fell through and in whose place the next rank is looked for, once.
ALTER TABLE orders ADD COLUMN passed_over_at timestamptz;
UPDATE orders o SET passed_over_at = q.passed_over_at FROM quotes q
WHERE q.request_id = o.request_id AND q.vendor_id = o.vendor_id AND q.passed_over_at >= o.issued_at
  AND (o.status IN ('declined', 'expired', 'cancelled') OR (o.status IN ('issued', 'change_proposed') AND q.passed_over_at >= o.answer_due_at));
