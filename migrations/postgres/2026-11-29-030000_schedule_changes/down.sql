ALTER TABLE schedules DROP COLUMN reason;
