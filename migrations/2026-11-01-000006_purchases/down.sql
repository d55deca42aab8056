ALTER TABLE requests DROP CONSTRAINT requests_replaces_fkey;
DROP TABLE order_changes, order_lines, orders, number_counters, reassignments, approvals,
    delivery_slots, request_shipping, request_lines, requests;
