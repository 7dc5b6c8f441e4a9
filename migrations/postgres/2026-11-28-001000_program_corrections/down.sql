ALTER TABLE program_versions DROP COLUMN reason;
ALTER TABLE program_versions DROP COLUMN starts_precision;
