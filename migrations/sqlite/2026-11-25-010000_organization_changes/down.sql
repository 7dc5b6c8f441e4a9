DROP TABLE organization_change_parts;
DROP TABLE organization_changes;
ALTER TABLE organization_versions DROP COLUMN reopenings;
