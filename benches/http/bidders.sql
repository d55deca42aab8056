-- $1: a region, $2: how many vendors.
WITH chosen AS MATERIALIZED (
    SELECT v.id, min(p.id::text) AS product FROM vendors v JOIN products p ON p.vendor_id = v.id
    WHERE v.realm = 'sandbox' AND v.status = 'verified' AND p.status = 'published'
    GROUP BY v.id ORDER BY v.id LIMIT $2
), owner AS (
    SELECT m.* FROM memberships m JOIN vendors v ON v.id = m.organisation_id JOIN contacts c ON c.user_id = m.user_id
    WHERE m.role = 'vendor_owner' AND m.ended_at IS NULL ORDER BY m.id OFFSET 1 LIMIT 1
), regions AS (
    INSERT INTO vendor_regions (vendor_id, region_code, shipping_terms) SELECT id, $1, 'included' FROM chosen ON CONFLICT DO NOTHING
), made AS (
    INSERT INTO memberships (id, user_id, organisation_id, realm, role, valid_from, created_at)
    SELECT gen_random_uuid(), o.user_id, c.id, 'sandbox', 'vendor_owner', o.valid_from, o.created_at FROM chosen c, owner o
    WHERE c.id <> o.organisation_id RETURNING id, organisation_id
), all_of_them AS (
    SELECT id, organisation_id FROM made UNION ALL SELECT id, organisation_id FROM owner
)
SELECT c.id::text, m.id::text, c.product FROM chosen c JOIN all_of_them m ON m.organisation_id = c.id ORDER BY c.id
