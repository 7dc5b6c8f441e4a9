-- Issues are numbered by series: those of one programme and kind for periods of one unit, so that no reader of a series sees a gap. And
-- a bulletin says on which day a schedule wanted it out, so that one that comes later can say so.
ALTER TABLE bulletins ADD COLUMN period_unit TEXT COLLATE "C";
UPDATE bulletins SET period_unit = CASE
    WHEN period LIKE '%-W%' THEN 'week'
    WHEN period LIKE '%-Q%' THEN 'quarter'
    WHEN period LIKE '%-T%' THEN 'ten_day'
    WHEN length(period) = 4 THEN 'year'
    WHEN length(period) = 7 THEN 'month'
    ELSE 'day'
END;
ALTER TABLE bulletins ALTER COLUMN period_unit SET NOT NULL;
ALTER TABLE bulletins DROP CONSTRAINT bulletins_issuer_area_id_program_id_kind_serial_key;
ALTER TABLE bulletins ADD UNIQUE (issuer_area_id, program_id, kind, period_unit, serial);
ALTER TABLE bulletins ADD COLUMN due_on DATE;
