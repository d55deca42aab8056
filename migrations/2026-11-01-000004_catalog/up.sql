-- What is sold: categories, products, stock and day capacity.
CREATE TABLE units_of_measure (
    code text PRIMARY KEY,
    name_id text NOT NULL,
    name_en text NOT NULL,
    symbol text NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON units_of_measure TO lokapasar_app;

CREATE TABLE categories (
    code text PRIMARY KEY,
    parent_code text REFERENCES categories (code),
    level integer NOT NULL,
    name_id text NOT NULL,
    name_en text NOT NULL,
    procurement_kind text,
    tax_class text,
    review_mode text,
    required_papers text[] NOT NULL DEFAULT '{}',
    kbki_code text,
    kbli_prefixes text[] NOT NULL DEFAULT '{}',
    default_unit text REFERENCES units_of_measure (code),
    default_availability text,
    default_lead_time_days integer,
    recurring_group text,
    CONSTRAINT categories_level_check CHECK (level BETWEEN 1 AND 3),
    CONSTRAINT categories_parent_check CHECK ((level = 1) = (parent_code IS NULL)),
    CONSTRAINT categories_leaf_check CHECK (level < 3 OR num_nulls(
        procurement_kind, tax_class, review_mode, kbki_code, default_unit, default_availability, default_lead_time_days) = 0),
    CONSTRAINT categories_procurement_kind_check CHECK (procurement_kind IN ('goods', 'other_services', 'construction', 'consultancy')),
    CONSTRAINT categories_tax_class_check CHECK (tax_class IN ('vat_standard', 'vat_luxury', 'vat_exempt', 'not_subject')),
    CONSTRAINT categories_review_mode_check CHECK (review_mode IN ('before', 'after', 'sample')),
    CONSTRAINT categories_availability_check CHECK (default_availability IN ('counted', 'made_to_order', 'capacity_per_day', 'service'))
);
GRANT SELECT, INSERT, UPDATE ON categories TO lokapasar_app;

CREATE TABLE products (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    vendor_id uuid NOT NULL,
    status text NOT NULL,
    status_reason text,
    category_code text NOT NULL REFERENCES categories (code),
    name text NOT NULL,
    description text NOT NULL,
    unit text NOT NULL REFERENCES units_of_measure (code),
    price numeric(20,2) NOT NULL,
    price_basis text NOT NULL,
    tax_class text NOT NULL,
    kbki_code text NOT NULL,
    origin text NOT NULL,
    brand text,
    gtin text,
    warranty text,
    tkdn_percent numeric(5,2),
    bmp_percent numeric(5,2),
    attributes jsonb NOT NULL,
    availability text NOT NULL,
    minimum_order numeric(14,3) NOT NULL,
    lead_time_days integer NOT NULL,
    weight_grams integer,
    capacity_per_day numeric(14,3),
    region_code text NOT NULL REFERENCES regions (code),
    sku text,
    origin_system text,
    external_ref text,
    search tsvector NOT NULL DEFAULT ''::tsvector,
    published_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT products_vendor_fkey FOREIGN KEY (vendor_id, realm) REFERENCES vendors (id, realm),
    CONSTRAINT products_tenant_key UNIQUE (id, vendor_id, realm),
    CONSTRAINT products_status_check CHECK (status IN
        ('draft', 'in_review', 'published', 'unpublished', 'revision_requested', 'rejected', 'frozen')),
    CONSTRAINT products_price_check CHECK (price > 0),
    CONSTRAINT products_price_basis_check CHECK (price_basis IN ('tax_inclusive', 'tax_exclusive')),
    CONSTRAINT products_tax_class_check CHECK (tax_class IN ('vat_standard', 'vat_luxury', 'vat_exempt', 'not_subject')),
    CONSTRAINT products_origin_check CHECK (origin IN ('local', 'domestic', 'import')),
    CONSTRAINT products_availability_check CHECK (availability IN ('counted', 'made_to_order', 'capacity_per_day', 'service')),
    CONSTRAINT products_capacity_check CHECK ((availability = 'capacity_per_day') = (capacity_per_day IS NOT NULL)),
    CONSTRAINT products_minimum_order_check CHECK (minimum_order > 0),
    CONSTRAINT products_origin_key UNIQUE (realm, vendor_id, origin_system, external_ref)
);
CREATE INDEX products_vendor_idx ON products (vendor_id, id);
CREATE INDEX products_review_idx ON products (realm, updated_at, id) WHERE status = 'in_review';
CREATE INDEX products_price_idx ON products (realm, category_code, price, id) WHERE status = 'published';
CREATE INDEX products_newest_idx ON products (realm, category_code, published_at DESC, id DESC) WHERE status = 'published';
CREATE INDEX products_all_price_idx ON products (realm, price, id) WHERE status = 'published';
CREATE INDEX products_all_newest_idx ON products (realm, published_at DESC, id DESC) WHERE status = 'published';
CREATE INDEX products_search_idx ON products USING gin (search) WHERE status = 'published';
GRANT SELECT, INSERT, UPDATE ON products TO lokapasar_app;

-- Stems of the `indonesian` configuration are uneven, so the plain words are kept beside them.
CREATE FUNCTION products_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := setweight(to_tsvector('indonesian', NEW.name || ' ' || coalesce(NEW.brand, '')), 'A')
        || setweight(to_tsvector('simple', NEW.name || ' ' || coalesce(NEW.brand, '')), 'A')
        || setweight(to_tsvector('indonesian', NEW.description), 'C');
    RETURN NEW;
END $$;
CREATE TRIGGER products_search BEFORE INSERT OR UPDATE OF name, brand, description ON products
    FOR EACH ROW EXECUTE FUNCTION products_search();

CREATE TABLE price_tiers (
    product_id uuid NOT NULL REFERENCES products (id),
    minimum_quantity numeric(14,3) NOT NULL,
    price numeric(20,2) NOT NULL,
    PRIMARY KEY (product_id, minimum_quantity),
    CONSTRAINT price_tiers_price_check CHECK (price > 0 AND minimum_quantity > 0)
);
GRANT SELECT, INSERT, DELETE ON price_tiers TO lokapasar_app;

-- Append-only: what a product cost, from when, by whom.
CREATE TABLE price_history (
    id uuid PRIMARY KEY,
    product_id uuid NOT NULL REFERENCES products (id),
    price numeric(20,2) NOT NULL,
    price_basis text NOT NULL,
    tiers jsonb NOT NULL,
    changed_by uuid,
    changed_at timestamptz NOT NULL
);
CREATE INDEX price_history_product_idx ON price_history (product_id, id);
CREATE TRIGGER price_history_append_only BEFORE UPDATE OR DELETE ON price_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER price_history_no_truncate BEFORE TRUNCATE ON price_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON price_history TO lokapasar_app;

CREATE TABLE product_photos (
    id uuid PRIMARY KEY,
    product_id uuid NOT NULL REFERENCES products (id),
    position integer NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    storage_key text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX product_photos_product_idx ON product_photos (product_id, position) WHERE ended_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON product_photos TO lokapasar_app;

-- Stock of counted products. Never read-then-write: one conditional update each way.
CREATE TABLE stock (
    product_id uuid PRIMARY KEY REFERENCES products (id),
    on_hand numeric(14,3) NOT NULL,
    reserved numeric(14,3) NOT NULL DEFAULT 0,
    CONSTRAINT stock_balance_check CHECK (reserved >= 0 AND on_hand >= reserved)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON stock TO lokapasar_app;

CREATE TABLE day_capacity (
    product_id uuid NOT NULL REFERENCES products (id),
    day date NOT NULL,
    capacity numeric(14,3) NOT NULL,
    reserved numeric(14,3) NOT NULL DEFAULT 0,
    PRIMARY KEY (product_id, day),
    CONSTRAINT day_capacity_balance_check CHECK (reserved >= 0 AND capacity >= reserved)
);
GRANT SELECT, INSERT, UPDATE ON day_capacity TO lokapasar_app;

-- What holds stock or a day's capacity. `lapses_at` null: held until delivered or released.
CREATE TABLE stock_reservations (
    id uuid PRIMARY KEY,
    product_id uuid NOT NULL REFERENCES products (id),
    day date,
    quantity numeric(14,3) NOT NULL,
    request_id uuid NOT NULL,
    order_id uuid,
    lapses_at timestamptz,
    released_at timestamptz,
    CONSTRAINT stock_reservations_quantity_check CHECK (quantity > 0)
);
CREATE INDEX stock_reservations_lapse_idx ON stock_reservations (product_id, lapses_at) WHERE released_at IS NULL;
CREATE INDEX stock_reservations_request_idx ON stock_reservations (request_id) WHERE released_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON stock_reservations TO lokapasar_app;
