-- Policies that are set and ended on record, deputies, and who had a hand in a request.
ALTER TABLE policies ADD CONSTRAINT policies_set_by_fkey FOREIGN KEY (set_by) REFERENCES memberships (id);
ALTER TABLE policies ADD COLUMN end_reason text;
ALTER TABLE policies ADD COLUMN version integer NOT NULL DEFAULT 1;
-- A value may be given an end; what it says never changes.
GRANT UPDATE (valid_to, end_reason, version) ON policies TO lokapasar_app;
CREATE INDEX policies_key_idx ON policies (key, valid_from);

-- A deputy (Plh, Plt) acts in the place of an officer: a membership of its own, which names the officer's.
ALTER TABLE memberships ADD COLUMN deputy_for uuid REFERENCES memberships (id);
ALTER TABLE memberships ADD COLUMN deputy_kind text;
ALTER TABLE memberships ADD CONSTRAINT memberships_deputy_check
    CHECK ((deputy_for IS NULL) = (deputy_kind IS NULL) AND (deputy_for IS NULL OR num_nulls(letter_number, valid_to) = 0)
        AND deputy_kind IN ('plh', 'plt'));
DROP INDEX memberships_active_key;
CREATE UNIQUE INDEX memberships_active_key ON memberships
    (user_id, organisation_id, role, (coalesce(deputy_for, '00000000-0000-0000-0000-000000000000'::uuid))) WHERE ended_at IS NULL;
CREATE INDEX memberships_deputy_idx ON memberships (deputy_for) WHERE deputy_for IS NOT NULL;

-- Every person who acted on a request in a duty, deputies by themselves: the forbidden pairs look here.
CREATE TABLE request_hands (
    request_id uuid NOT NULL REFERENCES requests (id),
    duty text NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    PRIMARY KEY (request_id, duty, user_id),
    CONSTRAINT request_hands_duty_check CHECK (duty IN ('procurement_officer', 'commitment_officer'))
);
GRANT SELECT, INSERT ON request_hands TO lokapasar_app;
INSERT INTO request_hands (request_id, duty, user_id)
    SELECT r.id, 'procurement_officer', m.user_id FROM requests r JOIN memberships m ON m.id = r.officer_id
    UNION
    SELECT x.request_id, 'procurement_officer', m.user_id FROM reassignments x JOIN memberships m ON m.id = x.from_membership_id
    WHERE x.duty = 'procurement_officer'
    UNION
    SELECT a.request_id, 'commitment_officer', a.user_id FROM approvals a WHERE a.role = 'commitment_officer';
