DROP INDEX area_versions_ended;
