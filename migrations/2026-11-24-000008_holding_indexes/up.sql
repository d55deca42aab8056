-- What an order holds is found by the order; what a request ever held is counted, released or not.
DROP INDEX stock_reservations_request_idx;
CREATE INDEX stock_reservations_request_idx ON stock_reservations (request_id);
CREATE INDEX stock_reservations_order_idx ON stock_reservations (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX budget_reservations_order_idx ON budget_reservations (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX order_changes_order_idx ON order_changes (order_id, id);
