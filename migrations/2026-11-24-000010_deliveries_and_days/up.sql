-- The day to which an accepted change moved an order's last delivery; the request keeps its own days.
ALTER TABLE orders ADD COLUMN last_delivery_on date;

-- A vendor may lower a day below what is booked: nothing more is taken then, and nothing booked is lost.
ALTER TABLE day_capacity DROP CONSTRAINT day_capacity_balance_check;
ALTER TABLE day_capacity ADD CONSTRAINT day_capacity_balance_check CHECK (reserved >= 0 AND capacity >= 0);
