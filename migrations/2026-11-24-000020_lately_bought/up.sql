-- Whether a unit lately bought like goods reads what it submitted since a day, not everything it ever asked for.
CREATE INDEX requests_unit_submitted_idx ON requests (unit_id, submitted_at);
