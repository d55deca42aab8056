DROP TABLE policies;
DROP EXTENSION btree_gist;
DROP TABLE holidays, regions, jobs, personal_values, idempotency_keys, event_readers,
    event_positions, commitment_salts, events, audit;
DROP FUNCTION ensure_partitions(integer);
DROP FUNCTION refuse_change();
DROP TABLE realms;
REVOKE SELECT ON __diesel_schema_migrations FROM lokapasar_app;
REVOKE USAGE ON SCHEMA public FROM lokapasar_app;
