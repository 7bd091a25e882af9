-- Instants are INTEGER microseconds since the epoch, ids the 16 bytes of their UUID, which sort as the ids do.
-- 0x5772656E is "Wren": a file that carries another mark is somebody else's.
PRAGMA application_id = 1467114862;

CREATE TABLE deployments (
    id            BLOB PRIMARY KEY,
    owner         TEXT NOT NULL,
    name          TEXT NOT NULL,
    status        TEXT NOT NULL,
    status_reason TEXT,
    action_url    TEXT,
    revision      INTEGER NOT NULL,
    -- When the latest run started: kept here because the runs themselves are pruned and many.
    last_run      INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX deployments_by_name ON deployments (owner, name) WHERE status <> 'undeployed';
CREATE INDEX deployments_by_age ON deployments (owner, created_at, id);

-- One text for all the revisions of a deployment that carry it, as after a rollback. Not shared between deployments, so
-- that a wrong hash can never show one owner another's script.
CREATE TABLE scripts (
    deployment_id BLOB NOT NULL REFERENCES deployments (id),
    sha256        TEXT NOT NULL,
    source        TEXT NOT NULL,
    UNIQUE (deployment_id, sha256)
) STRICT;

CREATE TABLE revisions (
    deployment_id BLOB NOT NULL REFERENCES deployments (id),
    number        INTEGER NOT NULL,
    script_sha256 TEXT NOT NULL,
    manifest      TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    UNIQUE (deployment_id, number),
    FOREIGN KEY (deployment_id, script_sha256) REFERENCES scripts (deployment_id, sha256)
) STRICT;

-- `kind`, `func` and `policy` repeat parts of `spec`: recording a fire reads them without parsing the schedule.
CREATE TABLE triggers (
    id            BLOB PRIMARY KEY,
    owner         TEXT NOT NULL,
    deployment_id BLOB NOT NULL REFERENCES deployments (id),
    revision      INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    func          TEXT NOT NULL,
    policy        TEXT NOT NULL,
    spec          TEXT NOT NULL,
    cursor        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX triggers_of_deployment ON triggers (deployment_id);

-- A run's deployment and trigger are not foreign keys: deployments are never deleted, a trigger's runs outlive it, and the
-- look-ups would cost every fire.
CREATE TABLE runs (
    id               BLOB PRIMARY KEY,
    owner            TEXT NOT NULL,
    deployment_id    BLOB NOT NULL,
    revision         INTEGER NOT NULL,
    trigger_id       BLOB,
    kind             TEXT NOT NULL,
    func             TEXT NOT NULL,
    dedupe_key       TEXT NOT NULL,
    scheduled_for    INTEGER NOT NULL,
    -- Whether it waits for the earlier runs of its trigger.
    serial           INTEGER NOT NULL,
    policy           TEXT NOT NULL,
    correlation_id   TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    state            TEXT NOT NULL,
    skip_reason      TEXT,
    attempt          INTEGER NOT NULL,
    failures         INTEGER NOT NULL,
    orphaned         INTEGER NOT NULL,
    not_before       INTEGER NOT NULL,
    epoch            INTEGER NOT NULL,
    worker           TEXT,
    lease_until      INTEGER,
    cancel_requested INTEGER NOT NULL,
    started_at       INTEGER,
    completed_at     INTEGER,
    isolation        TEXT,
    error            TEXT,
    result           TEXT,
    payload          TEXT
) STRICT;
CREATE UNIQUE INDEX runs_by_trigger_key ON runs (trigger_id, dedupe_key) WHERE trigger_id IS NOT NULL;
CREATE UNIQUE INDEX runs_by_request_key ON runs (deployment_id, dedupe_key) WHERE trigger_id IS NULL;
-- The lists.
CREATE INDEX runs_of_owner ON runs (owner, scheduled_for, id);
CREATE INDEX runs_of_deployment ON runs (deployment_id, scheduled_for, id);
CREATE INDEX runs_of_trigger ON runs (trigger_id, scheduled_for, id) WHERE trigger_id IS NOT NULL;
-- The states that are rare and looked for: the scripts that went wrong among all that went well.
CREATE INDEX runs_astray ON runs (owner, state, scheduled_for, id)
    WHERE state = 'failed' OR state = 'timeout' OR state = 'cancelled' OR state = 'skipped';
-- The queue, oldest first over all owners and within each.
CREATE INDEX runs_queued ON runs (not_before, scheduled_for, id) WHERE state = 'queued';
CREATE INDEX runs_queued_of_owner ON runs (owner, not_before, scheduled_for, id) WHERE state = 'queued';
-- What has not ended, by trigger.
CREATE INDEX runs_active ON runs (deployment_id, trigger_id, scheduled_for, id) WHERE completed_at IS NULL;
CREATE INDEX runs_running ON runs (owner, deployment_id) WHERE state = 'running';
CREATE INDEX runs_leased ON runs (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX runs_completed ON runs (completed_at) WHERE completed_at IS NOT NULL;

CREATE TABLE attempts (
    run_id     BLOB NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    epoch      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    worker     TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    end        TEXT,
    error      TEXT,
    PRIMARY KEY (run_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
    run_id  BLOB NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    stream  TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- The version is the row's number and AUTOINCREMENT never gives one twice, so a version never comes back, not even after
-- its record was deleted. An owner of '' is the platform.
CREATE TABLE records (
    version    INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT NOT NULL,
    space      TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      BLOB NOT NULL,
    expires_at INTEGER,
    UNIQUE (owner, space, key)
) STRICT;
CREATE INDEX records_by_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;
