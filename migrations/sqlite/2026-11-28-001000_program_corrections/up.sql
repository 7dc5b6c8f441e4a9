-- How precisely the start of a programme is known, and why it was corrected.
ALTER TABLE program_versions ADD COLUMN starts_precision TEXT NOT NULL DEFAULT 'day';
ALTER TABLE program_versions ADD COLUMN reason TEXT;
