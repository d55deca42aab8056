-- Small businesses: who sells, with which papers, checked by whom.
CREATE TABLE vendors (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    kind text NOT NULL,
    legal_form text NOT NULL,
    name text NOT NULL,
    sells text NOT NULL,
    status text NOT NULL,
    status_reason text,
    suspended_until timestamptz,
    submitted_at timestamptz,
    claimed_by uuid REFERENCES users (id),
    claimed_at timestamptz,
    decided_at timestamptz,
    nib text,
    npwp text,
    npwp_id uuid REFERENCES personal_values (id),
    nik_id uuid REFERENCES personal_values (id),
    phone_id uuid REFERENCES personal_values (id),
    bank_code text,
    bank_account_id uuid REFERENCES personal_values (id),
    bank_holder text,
    address text,
    region_code text REFERENCES regions (code),
    kbli_codes text[] NOT NULL DEFAULT '{}',
    vat_registered boolean NOT NULL DEFAULT false,
    vat_confirmation_number text,
    final_tax_certificate_number text,
    final_tax_certificate_until date,
    capital numeric(20,2),
    annual_sales numeric(20,2),
    size_class text,
    origin_system text,
    external_ref text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT vendors_organisation_fkey FOREIGN KEY (id, realm) REFERENCES organisations (id, realm),
    CONSTRAINT vendors_realm_key UNIQUE (id, realm),
    CONSTRAINT vendors_kind_check CHECK (kind IN ('individual', 'entity')),
    CONSTRAINT vendors_legal_form_check CHECK (legal_form IN
        ('perorangan', 'pt_perorangan', 'cv', 'firma', 'pt', 'koperasi', 'yayasan', 'bumdes')),
    CONSTRAINT vendors_form_check CHECK ((kind = 'individual') = (legal_form = 'perorangan')),
    CONSTRAINT vendors_status_check CHECK (status IN
        ('draft', 'submitted', 'in_review', 'revision_requested', 'verified', 'rejected', 'suspended')),
    -- An individual's NPWP is the NIK and is protected as such.
    CONSTRAINT vendors_npwp_check CHECK (npwp IS NULL OR kind = 'entity'),
    CONSTRAINT vendors_claim_check CHECK (status <> 'in_review' OR claimed_by IS NOT NULL),
    CONSTRAINT vendors_suspension_check CHECK (status <> 'suspended' OR status_reason IS NOT NULL),
    CONSTRAINT vendors_size_class_check CHECK (size_class IN ('micro', 'small', 'medium', 'large')),
    CONSTRAINT vendors_origin_check CHECK ((origin_system IS NULL) = (external_ref IS NULL)),
    CONSTRAINT vendors_origin_key UNIQUE (realm, origin_system, external_ref)
);
CREATE UNIQUE INDEX vendors_nib_key ON vendors (realm, nib)
    WHERE nib IS NOT NULL AND status NOT IN ('draft', 'revision_requested', 'rejected');
CREATE INDEX vendors_queue_idx ON vendors (realm, submitted_at, id) WHERE status IN ('submitted', 'in_review');
CREATE INDEX vendors_public_idx ON vendors (realm, id) WHERE status = 'verified';
GRANT SELECT, INSERT, UPDATE ON vendors TO lokapasar_app;

-- Where a register outside owns a field: who said so, when last confirmed, what it says there.
CREATE TABLE vendor_facts (
    vendor_id uuid NOT NULL REFERENCES vendors (id),
    fact text NOT NULL,
    source text NOT NULL,
    source_ref text,
    confirmed_at timestamptz,
    external_value text,
    PRIMARY KEY (vendor_id, fact),
    CONSTRAINT vendor_facts_fact_check CHECK (fact IN ('nib', 'npwp', 'kbli', 'vat', 'size_class', 'legal_form'))
);
GRANT SELECT, INSERT, UPDATE ON vendor_facts TO lokapasar_app;

CREATE TABLE vendor_regions (
    vendor_id uuid NOT NULL REFERENCES vendors (id),
    region_code text NOT NULL REFERENCES regions (code),
    shipping_terms text NOT NULL,
    fee numeric(20,2) NOT NULL DEFAULT 0,
    PRIMARY KEY (vendor_id, region_code),
    CONSTRAINT vendor_regions_terms_check CHECK (shipping_terms IN ('included', 'flat', 'by_weight', 'on_quote')),
    CONSTRAINT vendor_regions_fee_check CHECK (fee >= 0)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON vendor_regions TO lokapasar_app;

CREATE TABLE vendor_licences (
    id uuid PRIMARY KEY,
    vendor_id uuid NOT NULL REFERENCES vendors (id),
    kind text NOT NULL,
    number text NOT NULL,
    issuer text NOT NULL,
    register text,
    expires_on date,
    status text NOT NULL,
    ended_at timestamptz,
    CONSTRAINT vendor_licences_status_check CHECK (status IN ('declared', 'confirmed', 'refused'))
);
CREATE INDEX vendor_licences_vendor_idx ON vendor_licences (vendor_id);
GRANT SELECT, INSERT, UPDATE ON vendor_licences TO lokapasar_app;

CREATE TABLE vendor_documents (
    id uuid PRIMARY KEY,
    vendor_id uuid NOT NULL REFERENCES vendors (id),
    kind text NOT NULL,
    number text,
    issued_on date,
    expires_on date,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    storage_key text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT vendor_documents_kind_check CHECK (kind IN
        ('identity_card', 'nib', 'npwp', 'deed', 'vat_confirmation', 'final_tax_certificate', 'bank_book', 'licence', 'statement', 'other'))
);
CREATE INDEX vendor_documents_vendor_idx ON vendor_documents (vendor_id);
GRANT SELECT, INSERT, UPDATE ON vendor_documents TO lokapasar_app;
