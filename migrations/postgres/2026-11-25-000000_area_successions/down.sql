DROP TABLE area_successions;
DROP INDEX area_versions_known;
ALTER TABLE area_versions DROP COLUMN ended;
