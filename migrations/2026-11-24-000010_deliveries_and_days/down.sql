UPDATE day_capacity SET capacity = reserved WHERE capacity < reserved;
ALTER TABLE day_capacity DROP CONSTRAINT day_capacity_balance_check;
ALTER TABLE day_capacity ADD CONSTRAINT day_capacity_balance_check CHECK (reserved >= 0 AND capacity >= reserved);
ALTER TABLE orders DROP COLUMN last_delivery_on;
