DROP TABLE deliveries, login_delays, refresh_tokens, sessions, invitations, membership_units,
    memberships, work_units;
ALTER TABLE policies DROP CONSTRAINT policies_agency_fkey;
DROP TABLE organisations, contacts, users;
