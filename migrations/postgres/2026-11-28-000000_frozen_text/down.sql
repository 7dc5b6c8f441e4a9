DROP INDEX notices_without_text;
ALTER TABLE notices DROP COLUMN text;
