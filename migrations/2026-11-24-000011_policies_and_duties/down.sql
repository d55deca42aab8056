DROP TABLE request_hands;
DROP INDEX memberships_deputy_idx;
DROP INDEX memberships_active_key;
-- Deputies end with the column that told them from the officers.
UPDATE memberships SET ended_at = created_at WHERE deputy_for IS NOT NULL AND ended_at IS NULL;
ALTER TABLE memberships DROP CONSTRAINT memberships_deputy_check;
ALTER TABLE memberships DROP COLUMN deputy_kind;
ALTER TABLE memberships DROP COLUMN deputy_for;
CREATE UNIQUE INDEX memberships_active_key ON memberships (user_id, organisation_id, role) WHERE ended_at IS NULL;
DROP INDEX policies_key_idx;
REVOKE UPDATE (valid_to, end_reason, version) ON policies FROM lokapasar_app;
ALTER TABLE policies DROP COLUMN version;
ALTER TABLE policies DROP COLUMN end_reason;
ALTER TABLE policies DROP CONSTRAINT policies_set_by_fkey;
