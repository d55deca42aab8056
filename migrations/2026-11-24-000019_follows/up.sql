-- Whose requests for quotes a person wants to hear of: those of an agency, of a unit, or of a category.
CREATE TABLE follows (
    id uuid PRIMARY KEY,
    realm text NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    agency_id uuid REFERENCES organisations (id),
    unit_id uuid REFERENCES work_units (id),
    category_code text REFERENCES categories (code),
    begun_at timestamptz NOT NULL,
    CONSTRAINT follows_subject_check CHECK (num_nonnulls(agency_id, unit_id, category_code) = 1)
);
CREATE UNIQUE INDEX follows_agency_key ON follows (agency_id, realm, user_id) WHERE agency_id IS NOT NULL;
CREATE UNIQUE INDEX follows_unit_key ON follows (unit_id, realm, user_id) WHERE unit_id IS NOT NULL;
CREATE UNIQUE INDEX follows_category_key ON follows (category_code, realm, user_id) WHERE category_code IS NOT NULL;
CREATE INDEX follows_user_idx ON follows (user_id, realm, id);
GRANT SELECT, INSERT, DELETE ON follows TO lokapasar_app;
