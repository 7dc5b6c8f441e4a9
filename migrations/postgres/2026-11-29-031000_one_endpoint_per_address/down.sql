DROP INDEX deliveries_address;
ALTER TABLE deliveries DROP COLUMN address_key;
DROP INDEX endpoints_address;
ALTER TABLE endpoints DROP COLUMN address_key;
