-- Urgent purchases: a code and a reason, clocks in hours, the comparison afterwards.
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct', 'negotiated', 'quotation', 'urgent'));
ALTER TABLE requests ADD COLUMN urgent_code text;
ALTER TABLE requests ADD COLUMN urgent_reason text;
ALTER TABLE requests ADD CONSTRAINT requests_urgent_check
    CHECK (method <> 'urgent' OR status NOT IN ('pending_approval', 'ordered') OR num_nulls(urgent_code, urgent_reason) = 0);

-- For which deadline somebody was reminded; each deadline once.
ALTER TABLE requests ADD COLUMN reminded_for timestamptz;
ALTER TABLE orders ADD COLUMN reminded_for timestamptz;
