-- A recipient without a usable endpoint is a delivery without one, in the state 'undeliverable', with the reason.
ALTER TABLE deliveries ALTER COLUMN channel DROP NOT NULL;
ALTER TABLE deliveries ALTER COLUMN endpoint_id DROP NOT NULL;
CREATE UNIQUE INDEX deliveries_undeliverable ON deliveries (notice_id) WHERE state = 'undeliverable';

-- Why the last sends failed, until one succeeds.
ALTER TABLE endpoints ADD COLUMN last_error TEXT COLLATE "C";
