DROP TABLE stock_reservations, day_capacity, stock, product_photos, price_history, price_tiers,
    products, categories, units_of_measure;
DROP FUNCTION products_search();
