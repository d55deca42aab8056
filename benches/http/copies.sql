-- Copies of one open request with its line, its delivery and the public half of its key.
CREATE TABLE copies AS SELECT gen_random_uuid() AS request, gen_random_uuid() AS line FROM generate_series(1, {copies});

CREATE TEMPORARY TABLE a_request AS SELECT * FROM requests WHERE id = '{original}';
UPDATE a_request SET quote_deadline = quote_deadline + interval '1 year';
INSERT INTO requests SELECT (jsonb_populate_record(r, jsonb_build_object('id', c.request))).* FROM a_request r, copies c;

INSERT INTO quotations SELECT (jsonb_populate_record(q, jsonb_build_object('request_id', c.request))).*
FROM quotations q, copies c WHERE q.request_id = '{original}';

INSERT INTO quotation_keys SELECT (jsonb_populate_record(k, jsonb_build_object('request_id', c.request, 'quote_deadline', r.quote_deadline))).*
FROM quotation_keys k, a_request r, copies c WHERE k.request_id = '{original}';

INSERT INTO quotation_lines SELECT (jsonb_populate_record(l, jsonb_build_object('id', c.line, 'request_id', c.request))).*
FROM quotation_lines l, copies c WHERE l.request_id = '{original}';

INSERT INTO quotation_slots SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'line_id', c.line))).*
FROM quotation_slots s JOIN quotation_lines l ON l.id = s.line_id AND l.request_id = '{original}', copies c;

ANALYZE requests, quotations, quotation_keys, quotation_lines, quotation_slots;
