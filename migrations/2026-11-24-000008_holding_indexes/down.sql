DROP INDEX order_changes_order_idx;
DROP INDEX budget_reservations_order_idx;
DROP INDEX stock_reservations_order_idx;
DROP INDEX stock_reservations_request_idx;
CREATE INDEX stock_reservations_request_idx ON stock_reservations (request_id) WHERE released_at IS NULL;
