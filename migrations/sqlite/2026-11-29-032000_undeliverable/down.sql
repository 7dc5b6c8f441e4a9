ALTER TABLE endpoints DROP COLUMN last_error;
CREATE TABLE deliveries_new (
    id BLOB NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL, -- counts the changes
    notice_id BLOB NOT NULL REFERENCES notices (id),
    channel TEXT NOT NULL,
    endpoint_id BLOB NOT NULL REFERENCES endpoints (id),
    state TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    lease_owner BLOB,
    lease_gen BIGINT NOT NULL,
    lease_until BIGINT,
    uncertain_count INTEGER NOT NULL,
    sent_at BIGINT,
    last_class TEXT,
    last_error TEXT,
    reason TEXT, -- why a person did something with it last, or why it is undeliverable
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    address_key TEXT,
    UNIQUE (notice_id, channel, endpoint_id)
);
INSERT INTO deliveries_new (id, version, notice_id, channel, endpoint_id, state, not_before, expires_at, attempt, lease_owner, lease_gen, lease_until, uncertain_count, sent_at, last_class, last_error, reason, created_at, updated_at, address_key)
SELECT id, version, notice_id, channel, endpoint_id, state, not_before, expires_at, attempt, lease_owner, lease_gen, lease_until, uncertain_count, sent_at, last_class, last_error, reason, created_at, updated_at, address_key FROM deliveries WHERE endpoint_id IS NOT NULL;
CREATE TABLE delivery_attempts_new (
    delivery_id BLOB NOT NULL REFERENCES deliveries_new (id),
    lease_gen BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    node_id BLOB NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT, -- NULL while sending
    detail TEXT,
    PRIMARY KEY (delivery_id, lease_gen)
);
INSERT INTO delivery_attempts_new (delivery_id, lease_gen, attempt, node_id, started_at, ended_at, outcome, detail)
SELECT delivery_id, lease_gen, attempt, node_id, started_at, ended_at, outcome, detail FROM delivery_attempts;
DROP TABLE delivery_attempts;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
ALTER TABLE delivery_attempts_new RENAME TO delivery_attempts;
CREATE INDEX deliveries_queued ON deliveries (not_before, id) WHERE state = 'queued';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state IN ('leased', 'sending');
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id);
CREATE UNIQUE INDEX deliveries_address ON deliveries (notice_id, channel, address_key);
