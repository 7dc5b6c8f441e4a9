-- When the secret was last changed: access tokens given for an earlier one are refused.
ALTER TABLE tokens ADD COLUMN secret_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX tokens_secret ON tokens (secret_seq) WHERE secret_seq > 0;

-- Access tokens that a client gave up before their time was over (RFC 7009).
CREATE TABLE revoked_access_tokens (
    id BLOB NOT NULL PRIMARY KEY,
    token_id BLOB NOT NULL REFERENCES tokens (id),
    revoked_seq BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_access_tokens_seq ON revoked_access_tokens (revoked_seq);
CREATE INDEX revoked_access_tokens_expires ON revoked_access_tokens (expires_at);
