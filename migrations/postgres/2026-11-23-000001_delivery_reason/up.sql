-- Why a person redelivered or cancelled it last.
ALTER TABLE deliveries ADD COLUMN reason TEXT COLLATE "C";
