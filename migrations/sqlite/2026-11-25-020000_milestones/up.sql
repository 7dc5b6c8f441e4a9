-- What an area reached, noted once when a worker first saw it, with its evidence. Whether it still holds is computed
-- when it is asked for; a row is never changed.
CREATE TABLE milestones (
    id BLOB NOT NULL PRIMARY KEY,
    recorded_seq BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    area_id BLOB NOT NULL REFERENCES areas (id),
    -- Empty where several levels are meant.
    level TEXT NOT NULL,
    -- The name of the counting rule.
    basis TEXT NOT NULL,
    reached_on DATE NOT NULL,
    -- Those it was reached with, 20 at most; canonical JSON, [{id, name}].
    organizations TEXT NOT NULL,
    organizations_count BIGINT NOT NULL
);
CREATE UNIQUE INDEX milestones_once ON milestones (area_id, kind, level, basis, reached_on);
