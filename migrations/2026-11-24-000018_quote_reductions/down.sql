DROP TABLE quote_reductions;
