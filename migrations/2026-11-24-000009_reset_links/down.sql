ALTER TABLE users DROP COLUMN reset_version;
