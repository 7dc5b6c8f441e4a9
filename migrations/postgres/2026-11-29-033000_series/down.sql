ALTER TABLE bulletins DROP COLUMN due_on;
ALTER TABLE bulletins DROP COLUMN period_unit;
ALTER TABLE bulletins ADD UNIQUE (issuer_area_id, program_id, kind, serial);
