DROP TABLE revoked_access_tokens;
DROP INDEX tokens_secret;
ALTER TABLE tokens DROP COLUMN secret_seq;
