-- Set on the last version of an area that was closed or merged away: what belonged to it is still found by it.
ALTER TABLE area_versions ADD COLUMN ended BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX area_versions_known ON area_versions (area_id) WHERE superseded_seq IS NULL;

-- Which areas came out of which: a merged one is followed by the one it went into, a divided one by its parts.
CREATE TABLE area_successions (
    predecessor_id UUID NOT NULL REFERENCES areas (id),
    successor_id UUID NOT NULL REFERENCES areas (id),
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    kind TEXT COLLATE "C" NOT NULL, -- merge or split
    on_date DATE NOT NULL,
    PRIMARY KEY (predecessor_id, successor_id, recorded_seq)
);
CREATE INDEX area_successions_successor ON area_successions (successor_id);
CREATE INDEX area_successions_recorded ON area_successions (recorded_seq);
