-- What an area reached, noted once when a worker first saw it, with its evidence. Whether it still holds is computed
-- when it is asked for; a row is never changed.
CREATE TABLE milestones (
    id UUID NOT NULL PRIMARY KEY,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    area_id UUID NOT NULL REFERENCES areas (id),
    -- Empty where several levels are meant.
    level TEXT COLLATE "C" NOT NULL,
    -- The name of the counting rule.
    basis TEXT COLLATE "C" NOT NULL,
    reached_on DATE NOT NULL,
    -- Those it was reached with, 20 at most; canonical JSON, [{id, name}].
    organizations TEXT COLLATE "C" NOT NULL,
    organizations_count BIGINT NOT NULL
);
CREATE UNIQUE INDEX milestones_once ON milestones (area_id, kind, level, basis, reached_on);
