ALTER TABLE schedules ADD COLUMN reason TEXT; -- why a person changed it last
