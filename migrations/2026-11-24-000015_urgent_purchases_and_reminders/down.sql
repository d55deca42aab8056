ALTER TABLE orders DROP COLUMN reminded_for;
ALTER TABLE requests DROP COLUMN reminded_for;
ALTER TABLE requests DROP CONSTRAINT requests_urgent_check;
ALTER TABLE requests DROP COLUMN urgent_reason;
ALTER TABLE requests DROP COLUMN urgent_code;
UPDATE requests SET method = 'direct' WHERE method = 'urgent';
ALTER TABLE requests DROP CONSTRAINT requests_method_check;
ALTER TABLE requests ADD CONSTRAINT requests_method_check CHECK (method IN ('direct', 'negotiated', 'quotation'));
