ALTER TABLE endpoints DROP COLUMN last_error;
DROP INDEX deliveries_undeliverable;
DELETE FROM deliveries WHERE endpoint_id IS NULL;
ALTER TABLE deliveries ALTER COLUMN endpoint_id SET NOT NULL;
ALTER TABLE deliveries ALTER COLUMN channel SET NOT NULL;
