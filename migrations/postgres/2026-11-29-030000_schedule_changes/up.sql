ALTER TABLE schedules ADD COLUMN reason TEXT COLLATE "C"; -- why a person changed it last
