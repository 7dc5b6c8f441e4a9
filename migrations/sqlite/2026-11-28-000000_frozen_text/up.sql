-- The plain text of a notice, frozen at publication like its page. Empty: written before this column was there; workers fill it in.
ALTER TABLE notices ADD COLUMN text TEXT NOT NULL DEFAULT '';
CREATE INDEX notices_without_text ON notices (id) WHERE text = '';
