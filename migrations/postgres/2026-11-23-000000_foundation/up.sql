-- The register remembers twice: `valid_from`/`valid_to` say when a fact is true, `recorded_*`/`superseded_*` when the
-- system learnt it and when it learnt better. Rows of `*_versions` are never updated but for `superseded_*`, once.
-- `valid_to` is exclusive; NULL means open. The head of a thing is `superseded_seq IS NULL AND valid_to IS NULL`.

-- One row: the clock every transaction that writes facts takes its (seq, at) from, and the end of the audit chain.
CREATE TABLE ledger_clock (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    at_us BIGINT NOT NULL, -- UTC microseconds; never goes back
    audit_hash TEXT COLLATE "C" NOT NULL
);
INSERT INTO ledger_clock (id, seq, at_us, audit_hash) VALUES (1, 0, 0, '');

-- Areas ---------------------------------------------------------------------------------------------------------------

CREATE TABLE areas (
    id UUID NOT NULL PRIMARY KEY,
    created_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- `path` is the codes from the province down, each followed by '/': a subtree is one range of it.
CREATE TABLE area_versions (
    area_id UUID NOT NULL REFERENCES areas (id),
    version BIGINT NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    valid_from DATE NOT NULL,
    valid_to DATE,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    parent_id UUID REFERENCES areas (id),
    path TEXT COLLATE "C" NOT NULL,
    level TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    PRIMARY KEY (area_id, recorded_seq, valid_from)
);
CREATE UNIQUE INDEX area_versions_head ON area_versions (area_id) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE UNIQUE INDEX area_versions_head_code ON area_versions (code) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE UNIQUE INDEX area_versions_head_path ON area_versions (path) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE INDEX area_versions_head_parent ON area_versions (parent_id, code) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE INDEX area_versions_path ON area_versions (path);
CREATE INDEX area_versions_code ON area_versions (code);
CREATE INDEX area_versions_recorded ON area_versions (recorded_seq);
CREATE INDEX area_versions_superseded ON area_versions (superseded_seq) WHERE superseded_seq IS NOT NULL;

-- Overseas-linked persons and households. Append-only; NULL is unknown, never zero.
CREATE TABLE area_counts (
    id UUID NOT NULL PRIMARY KEY,
    area_id UUID NOT NULL REFERENCES areas (id),
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    persons INTEGER,
    households INTEGER,
    counted_on DATE NOT NULL,
    source TEXT COLLATE "C" NOT NULL
);
CREATE INDEX area_counts_area ON area_counts (area_id, counted_on);
CREATE INDEX area_counts_recorded ON area_counts (recorded_seq);
CREATE INDEX area_counts_superseded ON area_counts (superseded_seq) WHERE superseded_seq IS NOT NULL;

-- Programs ------------------------------------------------------------------------------------------------------------

CREATE TABLE programs (
    id UUID NOT NULL PRIMARY KEY,
    created_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_digest TEXT COLLATE "C" NOT NULL
);
CREATE TABLE program_versions (
    program_id UUID NOT NULL REFERENCES programs (id),
    version BIGINT NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    valid_from DATE NOT NULL,
    valid_to DATE,
    issuer_area_id UUID NOT NULL REFERENCES areas (id),
    code TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    aliases TEXT COLLATE "C" NOT NULL, -- a JSON array of strings
    baseline_on DATE NOT NULL,
    starts_on DATE NOT NULL,
    target_on DATE NOT NULL,
    illustrative BOOLEAN NOT NULL, -- made up for a demonstration; marked wherever it is shown
    note TEXT COLLATE "C",
    PRIMARY KEY (program_id, recorded_seq, valid_from)
);
CREATE UNIQUE INDEX program_versions_head ON program_versions (program_id) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE UNIQUE INDEX program_versions_head_code ON program_versions (code) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE INDEX program_versions_issuer ON program_versions (issuer_area_id);
CREATE INDEX program_versions_recorded ON program_versions (recorded_seq);

-- Which cohort an area is in, from a date. An area without a row is not in the programme's comparison.
CREATE TABLE program_cohorts (
    id UUID NOT NULL PRIMARY KEY,
    program_id UUID NOT NULL REFERENCES programs (id),
    area_id UUID NOT NULL REFERENCES areas (id),
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    valid_from DATE NOT NULL,
    valid_to DATE,
    cohort TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX program_cohorts_head ON program_cohorts (program_id, area_id) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE INDEX program_cohorts_program ON program_cohorts (program_id, area_id);
CREATE INDEX program_cohorts_area ON program_cohorts (area_id);
CREATE INDEX program_cohorts_recorded ON program_cohorts (recorded_seq);

-- Rules and the working calendar --------------------------------------------------------------------------------------

CREATE TABLE rules (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    scope_area_id UUID NOT NULL REFERENCES areas (id),
    version BIGINT NOT NULL,
    effective_from DATE NOT NULL,
    params TEXT COLLATE "C" NOT NULL, -- canonical JSON
    source TEXT COLLATE "C" NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    UNIQUE (kind, name, scope_area_id, version)
);
CREATE INDEX rules_scope_area ON rules (scope_area_id);
CREATE INDEX rules_recorded ON rules (recorded_seq);

CREATE TABLE calendar_days (
    id UUID NOT NULL PRIMARY KEY,
    on_date DATE NOT NULL,
    kind TEXT COLLATE "C" NOT NULL, -- holiday or workday
    name TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX calendar_days_head ON calendar_days (on_date) WHERE superseded_seq IS NULL;
CREATE INDEX calendar_days_recorded ON calendar_days (recorded_seq);

-- Organizations -------------------------------------------------------------------------------------------------------

CREATE TABLE organizations (
    id UUID NOT NULL PRIMARY KEY,
    created_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_digest TEXT COLLATE "C" NOT NULL,
    voided_seq BIGINT, -- set once, by DELETE; the versions are superseded with it
    void_reason TEXT COLLATE "C"
);
CREATE TABLE organization_versions (
    organization_id UUID NOT NULL REFERENCES organizations (id),
    version BIGINT NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    valid_from DATE NOT NULL,
    valid_to DATE,
    area_id UUID NOT NULL REFERENCES areas (id),
    host TEXT COLLATE "C" NOT NULL,
    parent_id UUID REFERENCES organizations (id),
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    approval_post TEXT COLLATE "C",
    approval_doc_no TEXT COLLATE "C",
    approved_on DATE,
    approved_precision TEXT COLLATE "C",
    established_on DATE,
    established_precision TEXT COLLATE "C",
    unveiled_on DATE,
    unveiled_precision TEXT COLLATE "C",
    closed_on DATE,
    closed_precision TEXT COLLATE "C",
    basis TEXT COLLATE "C" NOT NULL,
    replaces TEXT COLLATE "C",
    has_office BOOLEAN NOT NULL,
    affiliation TEXT COLLATE "C",
    quota_posts INTEGER,
    posts_filled INTEGER,
    five_have TEXT COLLATE "C" NOT NULL, -- canonical JSON: {organization, team, funding, venue, activity}
    standing_rules TEXT COLLATE "C" NOT NULL, -- canonical JSON: {learning, management, contact, service}
    term_ends_on DATE,
    verification TEXT COLLATE "C" NOT NULL,
    verification_reason TEXT COLLATE "C",
    note TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (organization_id, recorded_seq, valid_from)
);
CREATE UNIQUE INDEX organization_versions_head ON organization_versions (organization_id) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE INDEX organization_versions_head_area ON organization_versions (area_id, organization_id) WHERE superseded_seq IS NULL AND valid_to IS NULL;
-- One active organization of a kind per area, where the area itself is the host.
CREATE UNIQUE INDEX organization_versions_one_active ON organization_versions (area_id, kind)
    WHERE superseded_seq IS NULL AND valid_to IS NULL AND host = 'area' AND status IN ('preparing', 'approved', 'established');
CREATE INDEX organization_versions_area ON organization_versions (area_id);
CREATE INDEX organization_versions_parent ON organization_versions (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX organization_versions_recorded ON organization_versions (recorded_seq);
CREATE INDEX organization_versions_superseded ON organization_versions (superseded_seq) WHERE superseded_seq IS NOT NULL;

-- Tasks ---------------------------------------------------------------------------------------------------------------

CREATE TABLE tasks (
    id UUID NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    created_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_digest TEXT COLLATE "C" NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    program_id UUID NOT NULL REFERENCES programs (id),
    issuer_area_id UUID NOT NULL REFERENCES areas (id),
    issuer_post TEXT COLLATE "C" NOT NULL,
    no INTEGER NOT NULL,
    theme TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    lead_post TEXT COLLATE "C" NOT NULL,
    supporting_posts TEXT COLLATE "C" NOT NULL, -- a JSON array
    issued_on DATE NOT NULL,
    due_on DATE NOT NULL,
    origin_activity_id UUID,
    UNIQUE (program_id, issuer_area_id, issuer_post, no)
);
CREATE INDEX tasks_issuer ON tasks (issuer_area_id, id);

CREATE TABLE assignments (
    id UUID NOT NULL PRIMARY KEY,
    task_id UUID NOT NULL REFERENCES tasks (id),
    area_id UUID NOT NULL REFERENCES areas (id),
    post TEXT COLLATE "C" NOT NULL,
    created_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (task_id, area_id, post)
);
CREATE INDEX assignments_area ON assignments (area_id, id);

CREATE TABLE assignment_versions (
    assignment_id UUID NOT NULL REFERENCES assignments (id),
    version BIGINT NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    valid_from DATE NOT NULL,
    valid_to DATE,
    status TEXT COLLATE "C" NOT NULL,
    due_on DATE NOT NULL,
    acknowledged_on DATE,
    submitted_on DATE, -- of the latest submission; once accepted, of the accepted one
    accepted_on DATE,
    reason TEXT COLLATE "C",
    PRIMARY KEY (assignment_id, recorded_seq, valid_from)
);
CREATE UNIQUE INDEX assignment_versions_head ON assignment_versions (assignment_id) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE INDEX assignment_versions_recorded ON assignment_versions (recorded_seq);

CREATE TABLE assignment_reports (
    id UUID NOT NULL PRIMARY KEY,
    assignment_id UUID NOT NULL REFERENCES assignments (id),
    on_date DATE NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX assignment_reports_assignment ON assignment_reports (assignment_id, id);
CREATE INDEX assignment_reports_recorded ON assignment_reports (recorded_seq);

CREATE TABLE extensions (
    id UUID NOT NULL PRIMARY KEY,
    assignment_id UUID NOT NULL REFERENCES assignments (id),
    created_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX extensions_assignment ON extensions (assignment_id, id);
CREATE TABLE extension_versions (
    extension_id UUID NOT NULL REFERENCES extensions (id),
    version BIGINT NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    valid_from DATE NOT NULL,
    valid_to DATE,
    status TEXT COLLATE "C" NOT NULL,
    due_on DATE NOT NULL, -- the date asked for
    reason TEXT COLLATE "C" NOT NULL,
    decision_reason TEXT COLLATE "C",
    PRIMARY KEY (extension_id, recorded_seq, valid_from)
);
CREATE INDEX extension_versions_recorded ON extension_versions (recorded_seq);

-- Activities ----------------------------------------------------------------------------------------------------------

CREATE TABLE activities (
    id UUID NOT NULL PRIMARY KEY,
    created_seq BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_digest TEXT COLLATE "C" NOT NULL
);
CREATE TABLE activity_versions (
    activity_id UUID NOT NULL REFERENCES activities (id),
    version BIGINT NOT NULL,
    recorded_seq BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    superseded_seq BIGINT,
    superseded_at TIMESTAMPTZ,
    valid_from DATE NOT NULL,
    valid_to DATE,
    kind TEXT COLLATE "C" NOT NULL,
    program_id UUID NOT NULL REFERENCES programs (id),
    area_id UUID NOT NULL REFERENCES areas (id), -- whose activity it is
    on_date DATE NOT NULL,
    on_precision TEXT COLLATE "C" NOT NULL,
    posts TEXT COLLATE "C" NOT NULL, -- a JSON array
    chair_post TEXT COLLATE "C",
    doc_no TEXT COLLATE "C",
    quantity INTEGER,
    year INTEGER,
    category TEXT COLLATE "C",
    note TEXT COLLATE "C",
    PRIMARY KEY (activity_id, recorded_seq, valid_from)
);
CREATE UNIQUE INDEX activity_versions_head ON activity_versions (activity_id) WHERE superseded_seq IS NULL AND valid_to IS NULL;
CREATE INDEX activity_versions_area ON activity_versions (area_id, on_date);
CREATE INDEX activity_versions_program ON activity_versions (program_id);
CREATE INDEX activity_versions_recorded ON activity_versions (recorded_seq);
-- The areas an activity touched (three counties in one visit) belong to the version that names them.
CREATE TABLE activity_areas (
    activity_id UUID NOT NULL REFERENCES activities (id),
    recorded_seq BIGINT NOT NULL,
    area_id UUID NOT NULL REFERENCES areas (id),
    PRIMARY KEY (activity_id, recorded_seq, area_id)
);
CREATE INDEX activity_areas_area ON activity_areas (area_id);

-- Who may call --------------------------------------------------------------------------------------------------------

CREATE TABLE tokens (
    id UUID NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    created_by UUID,
    label TEXT COLLATE "C" NOT NULL,
    area_id UUID NOT NULL REFERENCES areas (id),
    post TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL, -- space-separated, as in RFC 6749
    secret_hash TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    revoked_seq BIGINT,
    last_used_at TIMESTAMPTZ
);
CREATE INDEX tokens_area ON tokens (area_id, id);
CREATE INDEX tokens_revoked ON tokens (revoked_seq) WHERE revoked_seq IS NOT NULL;

CREATE TABLE signing_keys (
    kid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    public_key TEXT COLLATE "C" NOT NULL, -- base64url, 32 bytes
    sealed_private_key TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ
);

CREATE TABLE idempotency_keys (
    token_id UUID NOT NULL REFERENCES tokens (id),
    key_hash TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL, -- a keyed digest of method, path and body
    status SMALLINT NOT NULL,
    headers TEXT COLLATE "C" NOT NULL, -- a JSON object
    body TEXT COLLATE "C" NOT NULL,
    sealed BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (token_id, key_hash)
);
CREATE INDEX idempotency_keys_expires ON idempotency_keys (expires_at);

CREATE TABLE audit_entries (
    seq BIGINT NOT NULL,
    ordinal SMALLINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    token_id UUID, -- NULL: the system itself
    area_id UUID, -- whose row was written
    verb TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    resource_id TEXT COLLATE "C" NOT NULL,
    before_digest TEXT COLLATE "C",
    after_digest TEXT COLLATE "C",
    request_id TEXT COLLATE "C" NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (seq, ordinal)
);
-- Which seq was reached at a moment: a past known_at.
CREATE INDEX audit_entries_at ON audit_entries (at, seq);
CREATE INDEX audit_entries_resource ON audit_entries (resource, resource_id);

-- The notice ledger ---------------------------------------------------------------------------------------------------

CREATE TABLE schedules (
    id UUID NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_digest TEXT COLLATE "C" NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    issuer_area_id UUID NOT NULL REFERENCES areas (id),
    issuer_post TEXT COLLATE "C" NOT NULL,
    program_id UUID NOT NULL REFERENCES programs (id),
    kind TEXT COLLATE "C" NOT NULL,
    recipients TEXT COLLATE "C" NOT NULL, -- canonical JSON: {cohort, post}
    spec TEXT COLLATE "C" NOT NULL,
    time_zone TEXT COLLATE "C" NOT NULL,
    period_unit TEXT COLLATE "C" NOT NULL,
    period_offset INTEGER NOT NULL,
    starts_period TEXT COLLATE "C" NOT NULL,
    ends_period TEXT COLLATE "C",
    workday_policy TEXT COLLATE "C" NOT NULL,
    catch_up TEXT COLLATE "C" NOT NULL,
    catch_up_window_s BIGINT, -- NULL: unlimited
    catch_up_cap INTEGER NOT NULL,
    approval TEXT COLLATE "C" NOT NULL,
    paused_at TIMESTAMPTZ,
    cursor_at TIMESTAMPTZ NOT NULL,
    next_due_at TIMESTAMPTZ -- NULL: nothing is due any more
);
CREATE INDEX schedules_due ON schedules (next_due_at) WHERE paused_at IS NULL;
CREATE INDEX schedules_issuer ON schedules (issuer_area_id, id);

CREATE TABLE bulletins (
    id UUID NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    issuer_area_id UUID NOT NULL REFERENCES areas (id),
    program_id UUID NOT NULL REFERENCES programs (id),
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    serial INTEGER, -- taken when published
    title TEXT COLLATE "C" NOT NULL,
    as_of DATE NOT NULL,
    known_at TIMESTAMPTZ NOT NULL,
    rules TEXT COLLATE "C" NOT NULL, -- canonical JSON
    figures TEXT COLLATE "C" NOT NULL, -- canonical JSON, frozen
    digest TEXT COLLATE "C" NOT NULL, -- SHA-256 of figures
    corrects UUID,
    published_at TIMESTAMPTZ,
    UNIQUE (issuer_area_id, program_id, kind, subject, period, revision),
    UNIQUE (issuer_area_id, program_id, kind, serial)
);

CREATE TABLE occurrences (
    id UUID NOT NULL PRIMARY KEY,
    schedule_id UUID NOT NULL REFERENCES schedules (id),
    period TEXT COLLATE "C" NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    bulletin_id UUID REFERENCES bulletins (id),
    failures INTEGER NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (schedule_id, period)
);
CREATE INDEX occurrences_open ON occurrences (due_at, id) WHERE state = 'open';

CREATE TABLE notices (
    id UUID NOT NULL PRIMARY KEY,
    bulletin_id UUID NOT NULL REFERENCES bulletins (id),
    area_id UUID NOT NULL REFERENCES areas (id),
    post TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    figures TEXT COLLATE "C" NOT NULL, -- the recipient's own part; canonical JSON, frozen
    digest TEXT COLLATE "C" NOT NULL,
    html TEXT COLLATE "C" NOT NULL, -- the document as sent
    undeliverable_reason TEXT COLLATE "C", -- why no delivery was made
    created_at TIMESTAMPTZ NOT NULL,
    acknowledged_at TIMESTAMPTZ,
    acknowledged_by UUID,
    version BIGINT NOT NULL,
    UNIQUE (bulletin_id, area_id, post)
);
CREATE INDEX notices_area ON notices (area_id, id);

CREATE TABLE endpoints (
    id UUID NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_digest TEXT COLLATE "C" NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    area_id UUID NOT NULL REFERENCES areas (id),
    post TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    sealed_secret TEXT COLLATE "C",
    on_uncertain TEXT COLLATE "C" NOT NULL, -- resend or review
    status TEXT COLLATE "C" NOT NULL,
    status_reason TEXT COLLATE "C",
    fail_streak INTEGER NOT NULL,
    first_failed_at TIMESTAMPTZ,
    blocked_until TIMESTAMPTZ,
    last_sent_at TIMESTAMPTZ
);
CREATE INDEX endpoints_area ON endpoints (area_id, post);

CREATE TABLE deliveries (
    id UUID NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL, -- counts the changes
    notice_id UUID NOT NULL REFERENCES notices (id),
    channel TEXT COLLATE "C" NOT NULL,
    endpoint_id UUID NOT NULL REFERENCES endpoints (id),
    state TEXT COLLATE "C" NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    attempt INTEGER NOT NULL,
    lease_owner UUID,
    lease_gen BIGINT NOT NULL,
    lease_until TIMESTAMPTZ,
    uncertain_count INTEGER NOT NULL,
    sent_at TIMESTAMPTZ,
    last_class TEXT COLLATE "C",
    last_error TEXT COLLATE "C",
    reason TEXT COLLATE "C", -- why a person redelivered or cancelled it last
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (notice_id, channel, endpoint_id)
);
CREATE INDEX deliveries_queued ON deliveries (not_before, id) WHERE state = 'queued';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state IN ('leased', 'sending');
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id);

CREATE TABLE delivery_attempts (
    delivery_id UUID NOT NULL REFERENCES deliveries (id),
    lease_gen BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    node_id UUID NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    outcome TEXT COLLATE "C", -- NULL while sending
    detail TEXT COLLATE "C",
    PRIMARY KEY (delivery_id, lease_gen)
);

CREATE TABLE worker_nodes (
    id UUID NOT NULL PRIMARY KEY,
    started_at TIMESTAMPTZ NOT NULL,
    heartbeat_at TIMESTAMPTZ NOT NULL,
    draining BOOLEAN NOT NULL,
    status TEXT COLLATE "C" NOT NULL -- the last pass, as JSON
);
