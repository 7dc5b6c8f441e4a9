-- Issues are numbered by series: those of one programme and kind for periods of one unit, so that no reader of a series sees a gap. And
-- a bulletin says on which day a schedule wanted it out, so that one that comes later can say so.
-- SQLite takes no UNIQUE from a table: it is made anew, and with it those that refer to it.
CREATE TABLE bulletins_new (
    id BLOB NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    issuer_area_id BLOB NOT NULL REFERENCES areas (id),
    program_id BLOB NOT NULL REFERENCES programs (id),
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    period TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    serial INTEGER, -- taken when published
    title TEXT NOT NULL,
    as_of DATE NOT NULL,
    known_at BIGINT NOT NULL,
    rules TEXT NOT NULL, -- canonical JSON
    figures TEXT NOT NULL, -- canonical JSON, frozen
    digest TEXT NOT NULL, -- SHA-256 of figures
    corrects BLOB,
    published_at BIGINT,
    period_unit TEXT NOT NULL,
    due_on DATE, -- when a schedule wanted it out
    UNIQUE (issuer_area_id, program_id, kind, subject, period, revision),
    UNIQUE (issuer_area_id, program_id, kind, period_unit, serial)
);
INSERT INTO bulletins_new (id, version, created_at, updated_at, issuer_area_id, program_id, kind, subject, period, revision, state, serial, title, as_of, known_at, rules, figures, digest, corrects, published_at, period_unit)
SELECT id, version, created_at, updated_at, issuer_area_id, program_id, kind, subject, period, revision, state, serial, title, as_of, known_at, rules, figures, digest, corrects, published_at, CASE
    WHEN period LIKE '%-W%' THEN 'week'
    WHEN period LIKE '%-Q%' THEN 'quarter'
    WHEN period LIKE '%-T%' THEN 'ten_day'
    WHEN length(period) = 4 THEN 'year'
    WHEN length(period) = 7 THEN 'month'
    ELSE 'day'
END
FROM bulletins;
CREATE TABLE occurrences_new (
    id BLOB NOT NULL PRIMARY KEY,
    schedule_id BLOB NOT NULL REFERENCES schedules (id),
    period TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    bulletin_id BLOB REFERENCES bulletins_new (id),
    failures INTEGER NOT NULL,
    not_before BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (schedule_id, period)
);
INSERT INTO occurrences_new (id, schedule_id, period, due_at, state, reason, bulletin_id, failures, not_before, created_at, updated_at)
SELECT id, schedule_id, period, due_at, state, reason, bulletin_id, failures, not_before, created_at, updated_at FROM occurrences;
CREATE TABLE notices_new (
    id BLOB NOT NULL PRIMARY KEY,
    bulletin_id BLOB NOT NULL REFERENCES bulletins_new (id),
    area_id BLOB NOT NULL REFERENCES areas (id),
    post TEXT NOT NULL,
    title TEXT NOT NULL,
    figures TEXT NOT NULL, -- the recipient's own part; canonical JSON, frozen
    digest TEXT NOT NULL,
    html TEXT NOT NULL, -- the document as sent
    undeliverable_reason TEXT, -- why no delivery was made
    created_at BIGINT NOT NULL,
    acknowledged_at BIGINT,
    acknowledged_by BLOB,
    version BIGINT NOT NULL,
    text TEXT NOT NULL DEFAULT '',
    UNIQUE (bulletin_id, area_id, post)
);
INSERT INTO notices_new (id, bulletin_id, area_id, post, title, figures, digest, html, undeliverable_reason, created_at, acknowledged_at, acknowledged_by, version, text)
SELECT id, bulletin_id, area_id, post, title, figures, digest, html, undeliverable_reason, created_at, acknowledged_at, acknowledged_by, version, text FROM notices;
CREATE TABLE deliveries_new (
    id BLOB NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL, -- counts the changes
    notice_id BLOB NOT NULL REFERENCES notices_new (id),
    channel TEXT,
    endpoint_id BLOB REFERENCES endpoints (id),
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
SELECT id, version, notice_id, channel, endpoint_id, state, not_before, expires_at, attempt, lease_owner, lease_gen, lease_until, uncertain_count, sent_at, last_class, last_error, reason, created_at, updated_at, address_key FROM deliveries;
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
DROP TABLE notices;
DROP TABLE occurrences;
DROP TABLE bulletins;
ALTER TABLE bulletins_new RENAME TO bulletins;
ALTER TABLE occurrences_new RENAME TO occurrences;
ALTER TABLE notices_new RENAME TO notices;
ALTER TABLE deliveries_new RENAME TO deliveries;
ALTER TABLE delivery_attempts_new RENAME TO delivery_attempts;
CREATE INDEX occurrences_open ON occurrences (due_at, id) WHERE state = 'open';
CREATE INDEX notices_area ON notices (area_id, id);
CREATE INDEX notices_without_text ON notices (id) WHERE text = '';
CREATE INDEX deliveries_queued ON deliveries (not_before, id) WHERE state = 'queued';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state IN ('leased', 'sending');
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id);
CREATE UNIQUE INDEX deliveries_address ON deliveries (notice_id, channel, address_key);
CREATE UNIQUE INDEX deliveries_undeliverable ON deliveries (notice_id) WHERE state = 'undeliverable';
