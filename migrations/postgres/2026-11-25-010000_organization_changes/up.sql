-- 恢复: the times an organization was closed and established again, in order; canonical JSON,
-- [{closed_on, closed_precision, reopened_on, reopened_precision}].
ALTER TABLE organization_versions ADD COLUMN reopenings TEXT COLLATE "C" NOT NULL DEFAULT '[]';

-- What became of what: 合并 and 分设, each an org:ChangeEvent of the W3C's ORG vocabulary. A correction supersedes the row and its
-- participants with it, and may record the event anew under the same id.
CREATE TABLE organization_changes (
    id UUID NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    kind TEXT COLLATE "C" NOT NULL,
    on_date DATE NOT NULL,
    on_precision TEXT COLLATE "C" NOT NULL,
    doc_no TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, recorded_seq)
);
CREATE UNIQUE INDEX organization_changes_head ON organization_changes (id) WHERE superseded_seq IS NULL;
CREATE INDEX organization_changes_recorded ON organization_changes (recorded_seq);
CREATE INDEX organization_changes_superseded ON organization_changes (superseded_seq) WHERE superseded_seq IS NOT NULL;

-- The originals and results of a change belong to the row that names them.
CREATE TABLE organization_change_parts (
    change_id UUID NOT NULL,
    recorded_seq BIGINT NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    part TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (change_id, recorded_seq, organization_id),
    FOREIGN KEY (change_id, recorded_seq) REFERENCES organization_changes (id, recorded_seq)
);
CREATE INDEX organization_change_parts_organization ON organization_change_parts (organization_id);
