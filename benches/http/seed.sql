-- Requests {from} to {to} of all units, five quotes each on average. What is under way comes with the first 20,000, one
-- request of each kind for each of the demo's forty units; what is seeded later is older and ended.
CREATE UNLOGGED TABLE IF NOT EXISTS seeded (n bigint PRIMARY KEY, request uuid, realm text, agency uuid, unit uuid, package uuid,
    officer uuid, status text, live boolean, made timestamptz);
CREATE UNLOGGED TABLE IF NOT EXISTS seed_vendors AS
    SELECT row_number() OVER (ORDER BY v.id) - 1 AS place, v.id AS vendor, min(p.id::text)::uuid AS product
    FROM vendors v JOIN products p ON p.vendor_id = v.id WHERE v.realm = 'sandbox' GROUP BY v.id;
CREATE UNLOGGED TABLE IF NOT EXISTS seed_units AS
    SELECT row_number() OVER (ORDER BY u.code) - 1 AS place, u.* FROM work_units u WHERE u.realm = 'sandbox';
CREATE UNIQUE INDEX IF NOT EXISTS seed_vendors_idx ON seed_vendors (place);

-- Ten requests a package.
CREATE TEMPORARY TABLE seed_packages AS
    SELECT p AS place, gen_random_uuid() AS package, u.id AS unit, u.agency_id AS agency, u.realm
    FROM generate_series({from} / 10, {to} / 10) AS p JOIN seed_units u ON u.place = p % (SELECT count(*) FROM seed_units);
INSERT INTO packages (id, realm, agency_id, unit_id, rup_code, name, fiscal_year, procurement_kind, ceiling, raw, source, confirmed_at)
SELECT package, realm, agency, unit, 'BENCH' || place || '/' || {from}, 'Belanja Alat Tulis Kantor', 2026, 'goods', 900000000, '{}', 'bench', now()
FROM seed_packages;

INSERT INTO seeded
SELECT n,
    -- In the order of their age; those that are not the first lie before them.
    (CASE WHEN {from} = 0 THEN '01940000' ELSE '01900000' END || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    p.realm, p.agency, p.unit, p.package, (SELECT id FROM memberships WHERE role = 'procurement_officer' ORDER BY id LIMIT 1),
    CASE WHEN live THEN (ARRAY['open', 'open', 'open', 'evaluating', 'awarded', 'draft', 'pending_approval', 'approved', 'ordered', 'open'])
            [1 + n / 2000]
        ELSE CASE WHEN n % 20 = 0 THEN 'recorded' WHEN n % 20 <= 2 THEN 'failed' WHEN n % 20 <= 4 THEN 'cancelled'
            WHEN n % 20 = 5 THEN 'rejected' ELSE 'ordered' END END,
    live, now() - CASE WHEN {from} = 0 THEN interval '0' ELSE interval '300 days' END - ({to} - n) * interval '30 seconds'
FROM generate_series({from}, {to} - 1) AS n JOIN seed_packages p ON p.place = n / 10,
    LATERAL (SELECT {from} = 0 AND n % 50 = 10 * ((n / 400) % 5) + 7 AS live) AS l;

INSERT INTO requests (id, realm, agency_id, unit_id, method, status, status_reason, title, procurement_kind, contract_form, payment_way, package_id,
    fiscal_year, officer_id, needed_on, goods_total, gross_total, content_hash, submitted_at, approval_due_at, approved_at, quote_deadline,
    objections_until, recorded, created_at, updated_at)
SELECT request, realm, agency, unit, CASE status WHEN 'recorded' THEN 'recorded' ELSE 'quotation' END, status,
    CASE WHEN status IN ('failed', 'cancelled', 'rejected') THEN 'Tidak jadi' END, 'Alat tulis kantor', 'goods', 'purchase_order', 'up', package, 2026, officer, (made + interval '30 days')::date, 480000, 480000, sha256(request::text::bytea),
    made, CASE status WHEN 'pending_approval' THEN now() + interval '3 days' END, made + interval '1 day',
    -- One of ten open ones is overdue, and waits for two officers.
    CASE WHEN status IN ('draft', 'pending_approval', 'approved', 'rejected', 'recorded') THEN NULL
        WHEN status = 'open' AND n / 2000 <> 9 THEN now() + (n % 97) * interval '1 hour' + interval '1 day'
        ELSE made + interval '4 days' - CASE status WHEN 'open' THEN interval '30 days' ELSE interval '0' END END,
    -- One of two awards is due, and an objection against it open.
    CASE status WHEN 'awarded' THEN now() + CASE WHEN (n / 50) % 2 = 0 THEN interval '-1 day' ELSE interval '3 days' END END,
    CASE status WHEN 'recorded' THEN '{"reason_code": "emergency", "reason": "Pompa rusak", "vendor_name": "Toko Bangunan",
        "receipt_number": "NOTA-1", "purchased_on": "2026-01-04", "delivered_on": "2026-01-05", "paid_on": "2026-01-05",
        "shipping_fee": "0", "vat_total": "0", "lines": []}'::jsonb END,
    made, made
FROM seeded WHERE n >= {from};
INSERT INTO request_hands SELECT s.request, 'procurement_officer', m.user_id FROM seeded s JOIN memberships m ON m.id = s.officer WHERE n >= {from};
INSERT INTO quotations (request_id, realm, invitation, award, evaluation, criteria, terms, window_days, addenda, opening_mode,
    opened_for_quotes_at, opened_at)
SELECT request, realm, CASE WHEN n % 3 = 0 THEN 'invited' ELSE 'open' END, 'whole', 'lowest_price', '[]', '', 3, 0, 'two_officers',
    made + interval '1 day', CASE WHEN status NOT IN ('draft', 'pending_approval', 'approved', 'open') THEN made + interval '4 days' END
FROM seeded WHERE n >= {from} AND status <> 'recorded';
INSERT INTO quotation_keys SELECT r.id, 1, decode(repeat('00', 32), 'hex'), decode(repeat('00', 60), 'hex'), r.quote_deadline
FROM seeded s JOIN requests r ON r.id = s.request WHERE n >= {from} AND r.quote_deadline IS NOT NULL;
INSERT INTO quotation_lines SELECT gen_random_uuid(), realm, request, 0, NULL, '01.01.01', 'Pulpen', '', 'H87', '{}', 40
FROM seeded WHERE n >= {from} AND status <> 'recorded';
INSERT INTO quotation_slots SELECT gen_random_uuid(), l.id, 0, r.needed_on, '09:00', '12:00', '33.74.01', 'Jl. Pemuda 148', 'Bu Rini', NULL, 40
FROM seeded s JOIN requests r ON r.id = s.request JOIN quotation_lines l ON l.request_id = s.request WHERE s.n >= {from};

-- Nineteen of twenty requests have quotes, five of these one more than five.
CREATE TEMPORARY TABLE seed_quotes AS
SELECT gen_random_uuid() AS quote, s.*, v.vendor, v.product, k
FROM seeded s CROSS JOIN LATERAL generate_series(1, CASE WHEN s.n % 20 BETWEEN 1 AND 5 THEN 6 ELSE 5 END) AS k
JOIN seed_vendors v ON v.place = (s.n * 5 + k) % (SELECT count(*) FROM seed_vendors)
WHERE s.n >= {from} AND s.status NOT IN ('recorded', 'draft', 'pending_approval', 'approved');
INSERT INTO quotation_invitations SELECT request, vendor, realm, made FROM seed_quotes WHERE n % 3 = 0;
INSERT INTO quotes (id, realm, request_id, vendor_id, status, own_copy, changed_at, submission, submitted_at, commitment)
SELECT quote, realm, request, vendor, CASE status WHEN 'open' THEN 'submitted' WHEN 'evaluating' THEN 'opened' WHEN 'awarded' THEN
    CASE k WHEN 1 THEN 'awarded' ELSE 'opened' END WHEN 'ordered' THEN CASE k WHEN 1 THEN 'awarded' ELSE 'not_awarded' END ELSE 'opened' END,
    '\x00', made + interval '2 days', 1, made + interval '2 days', sha256(quote::text::bytea)
FROM seed_quotes;
INSERT INTO quote_submissions SELECT quote, 1, request, 1, decode(repeat('00', 64), 'hex'), sha256(quote::text::bytea), made + interval '2 days'
FROM seed_quotes WHERE status <> 'rejected';
INSERT INTO opened_quotes SELECT quote, request, '{}', '\x00', '{}', NULL, made + interval '4 days'
FROM seed_quotes WHERE status NOT IN ('open', 'rejected');
WITH named AS MATERIALIZED (SELECT gen_random_uuid() AS evaluation, q.* FROM seed_quotes q WHERE status = 'awarded' AND k = 2),
made AS (
    INSERT INTO evaluations (id, request_id, number, scores, input, ranking, content_hash, membership_id, completed_at, awarded_at, awarded_by_membership_id)
    SELECT evaluation, request, 1, '[]', '{}', '{}', '\x00', officer, made, made, officer FROM named)
INSERT INTO objections (id, request_id, quote_id, text, filed_at, evaluation_id)
SELECT gen_random_uuid(), request, quote, 'Harga tidak wajar', made, evaluation FROM named;

-- What was ordered: one line, one order, accepted but for those under way.
CREATE TEMPORARY TABLE seed_orders AS
SELECT gen_random_uuid() AS "order", gen_random_uuid() AS line, * FROM seed_quotes WHERE status = 'ordered' AND k = 1;
INSERT INTO request_lines (id, realm, request_id, position, product_id, vendor_id, quantity, unit_price, goods_amount, vat_amount, snapshot)
SELECT line, realm, request, 0, product, vendor, 40, 12000, 480000, 0, '{"kbki_code": "9999901"}' FROM seed_orders;
INSERT INTO orders (id, realm, agency_id, unit_id, vendor_id, request_id, number, status, goods_total, shipping_fee, vat_total, gross_total,
    tax_regime, payment_way, contract_form, policy_versions, needed_on, issued_at, answer_due_at, clock_provisional)
SELECT "order", realm, agency, unit, vendor, request, 'BENCH/' || n, CASE WHEN live THEN 'issued' ELSE 'accepted' END, 480000, 0, 0, 480000,
    'general', 'up', 'purchase_order', '{}', (made + interval '30 days')::date, made,
    CASE WHEN live THEN now() + interval '3 days' ELSE made + interval '3 days' END, false FROM seed_orders;
INSERT INTO order_lines (id, order_id, request_line_id, position, product_id, quantity, unit_price, goods_amount, vat_amount, snapshot)
SELECT gen_random_uuid(), "order", line, 0, product, 40, 12000, 480000, 0, '{"kbki_code": "9999901"}' FROM seed_orders;
INSERT INTO opening_attempts SELECT gen_random_uuid(), s.request, m.id, m.user_id, now(), 'first_of_two'
FROM seeded s JOIN memberships m ON m.id = s.officer WHERE s.n >= {from} AND s.live AND s.n / 2000 = 9;
DROP TABLE seed_packages, seed_quotes, seed_orders;
