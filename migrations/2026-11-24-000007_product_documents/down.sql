DROP INDEX products_level2_newest_idx;
DROP INDEX products_level2_price_idx;
DROP INDEX products_level1_newest_idx;
DROP INDEX products_level1_price_idx;
DROP TABLE product_documents;
DROP FUNCTION product_document(uuid);
