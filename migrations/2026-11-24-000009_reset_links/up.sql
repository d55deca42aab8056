-- A reset link stands for the request that it answers: each new request voids the one before.
ALTER TABLE users ADD COLUMN reset_version integer NOT NULL DEFAULT 1;
