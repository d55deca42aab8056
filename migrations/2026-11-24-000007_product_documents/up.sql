-- A published product's public page as one ready row, and an index for each level of a category list.

-- What the contract calls PublicProductView, but for what changes without the product: the vendor's
-- name and the stock are read beside it.
CREATE FUNCTION product_document(product uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'id', p.id,
        'name', p.name,
        'description', p.description,
        'category_code', p.category_code,
        'unit', p.unit,
        'price', p.price::text,
        'currency', 'IDR',
        'price_basis', p.price_basis,
        'price_tiers', coalesce((
            SELECT json_agg(json_build_object('minimum_quantity', trim_scale(t.minimum_quantity)::text, 'price', t.price::text)
                ORDER BY t.minimum_quantity)
            FROM price_tiers t WHERE t.product_id = p.id), '[]'),
        'tax_class', p.tax_class,
        'kbki_code', p.kbki_code,
        'origin', p.origin,
        'brand', p.brand,
        'gtin', p.gtin,
        'warranty', p.warranty,
        'tkdn_percent', p.tkdn_percent::text,
        'bmp_percent', p.bmp_percent::text,
        'attributes', p.attributes,
        'availability', p.availability,
        'capacity_per_day', trim_scale(p.capacity_per_day)::text,
        'minimum_order', trim_scale(p.minimum_order)::text,
        'lead_time_days', p.lead_time_days,
        'vendor_id', p.vendor_id,
        'region_code', p.region_code,
        'photos', coalesce((
            SELECT json_agg(json_build_object('id', f.id, 'media_type', f.media_type, 'size_bytes', f.size_bytes,
                    'sha256', encode(f.sha256, 'hex'), 'url', '/public/v1/products/' || p.id || '/photos/' || f.id)
                ORDER BY f.position)
            FROM product_photos f WHERE f.product_id = p.id AND f.ended_at IS NULL), '[]'),
        'published_at', to_char(p.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'version', p.version)::text
    FROM products p WHERE p.id = product
$$;

-- One row for each published product, written in the transaction that changes it.
CREATE TABLE product_documents (
    product_id uuid PRIMARY KEY,
    realm text NOT NULL,
    vendor_id uuid NOT NULL,
    version integer NOT NULL,
    counted boolean NOT NULL,
    document text NOT NULL,
    CONSTRAINT product_documents_product_fkey FOREIGN KEY (product_id, vendor_id, realm)
        REFERENCES products (id, vendor_id, realm)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON product_documents TO lokapasar_app;

INSERT INTO product_documents (product_id, realm, vendor_id, version, counted, document)
SELECT id, realm, vendor_id, version, availability = 'counted', product_document(id)
FROM products WHERE status = 'published';

CREATE INDEX products_level1_price_idx ON products (realm, left(category_code, 2), price, id) WHERE status = 'published';
CREATE INDEX products_level1_newest_idx ON products (realm, left(category_code, 2), published_at DESC, id DESC)
    WHERE status = 'published';
CREATE INDEX products_level2_price_idx ON products (realm, left(category_code, 5), price, id) WHERE status = 'published';
CREATE INDEX products_level2_newest_idx ON products (realm, left(category_code, 5), published_at DESC, id DESC)
    WHERE status = 'published';
