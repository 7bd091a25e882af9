-- Instants are bigint microseconds since the epoch: no year is too far. Texts that scripts and users choose freely are bytea
-- or JSON, since text cannot hold a NUL. Ids are the UUIDs, which sort as the ids do.

CREATE TABLE deployments (
    id            uuid PRIMARY KEY,
    owner         text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    status        text NOT NULL,
    status_reason text,
    action_url    text,
    paused_until  bigint,
    revision      bigint NOT NULL,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL
);
CREATE UNIQUE INDEX deployments_by_name ON deployments (owner, name) WHERE status <> 'undeployed';
CREATE INDEX deployments_by_age ON deployments (owner, created_at, id);
CREATE INDEX deployments_by_end_of_pause ON deployments (paused_until, id) WHERE paused_until IS NOT NULL;

-- When the latest run of a deployment started. Apart from the deployment, whose row fires lock while claims write this.
CREATE TABLE last_runs (
    deployment_id uuid PRIMARY KEY REFERENCES deployments (id),
    started_at    bigint NOT NULL
) WITH (fillfactor = 50);

-- One text for all the revisions of a deployment that carry it, as after a rollback. Not shared between deployments, so
-- that a wrong hash can never show one owner another's script.
CREATE TABLE scripts (
    deployment_id uuid NOT NULL REFERENCES deployments (id),
    sha256        text NOT NULL,
    source        bytea NOT NULL,
    PRIMARY KEY (deployment_id, sha256)
);

CREATE TABLE revisions (
    deployment_id uuid NOT NULL REFERENCES deployments (id),
    number        bigint NOT NULL,
    script_sha256 text NOT NULL,
    manifest      text NOT NULL,
    created_at    bigint NOT NULL,
    PRIMARY KEY (deployment_id, number),
    FOREIGN KEY (deployment_id, script_sha256) REFERENCES scripts (deployment_id, sha256)
);

-- `kind`, `func` and `policy` repeat parts of `spec`: recording a fire reads them without parsing the schedule.
CREATE TABLE triggers (
    id            uuid PRIMARY KEY,
    owner         text COLLATE "C" NOT NULL,
    deployment_id uuid NOT NULL REFERENCES deployments (id),
    revision      bigint NOT NULL,
    position      bigint NOT NULL,
    kind          text NOT NULL,
    func          text NOT NULL,
    policy        text NOT NULL,
    spec          text NOT NULL,
    cursor        bigint NOT NULL,
    created_at    bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX triggers_of_deployment ON triggers (deployment_id);

-- A run's deployment and trigger are not foreign keys: deployments are never deleted, a trigger's runs outlive it, and the
-- look-ups would cost every fire.
CREATE TABLE runs (
    id               uuid PRIMARY KEY,
    owner            text COLLATE "C" NOT NULL,
    deployment_id    uuid NOT NULL,
    revision         bigint NOT NULL,
    trigger_id       uuid,
    kind             text NOT NULL,
    func             text NOT NULL,
    dedupe_key       bytea NOT NULL,
    scheduled_for    bigint NOT NULL,
    -- Whether it waits for the earlier runs of its trigger.
    serial           boolean NOT NULL,
    policy           text NOT NULL,
    correlation_id   text NOT NULL,
    created_at       bigint NOT NULL,
    state            text NOT NULL,
    skip_reason      text,
    attempt          bigint NOT NULL,
    failures         bigint NOT NULL,
    orphaned         bigint NOT NULL,
    not_before       bigint NOT NULL,
    epoch            bigint NOT NULL,
    worker           text,
    lease_until      bigint,
    cancel_requested boolean NOT NULL,
    started_at       bigint,
    completed_at     bigint,
    isolation        text,
    error            text,
    result           text,
    payload          text
);
CREATE UNIQUE INDEX runs_by_trigger_key ON runs (trigger_id, dedupe_key) WHERE trigger_id IS NOT NULL;
CREATE UNIQUE INDEX runs_by_request_key ON runs (deployment_id, dedupe_key) WHERE trigger_id IS NULL;
-- The lists.
CREATE INDEX runs_of_owner ON runs (owner, scheduled_for, id);
CREATE INDEX runs_of_deployment ON runs (deployment_id, scheduled_for, id);
CREATE INDEX runs_of_trigger ON runs (trigger_id, scheduled_for, id) WHERE trigger_id IS NOT NULL;
-- The states that are rare and looked for: the scripts that went wrong among all that went well.
CREATE INDEX runs_astray ON runs (owner, state, scheduled_for, id)
    WHERE state IN ('failed', 'timeout', 'cancelled', 'skipped');
-- The queue, oldest first over all owners and within each.
CREATE INDEX runs_queued ON runs (not_before, scheduled_for, id) WHERE state = 'queued';
CREATE INDEX runs_queued_of_owner ON runs (owner, not_before, scheduled_for, id) WHERE state = 'queued';
-- What has not ended, by trigger.
CREATE INDEX runs_active ON runs (deployment_id, trigger_id, scheduled_for, id) WHERE completed_at IS NULL;
CREATE INDEX runs_running ON runs (owner, deployment_id) WHERE state = 'running';
CREATE INDEX runs_leased ON runs (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX runs_completed ON runs (completed_at) WHERE completed_at IS NOT NULL;

CREATE TABLE attempts (
    run_id     uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    epoch      bigint NOT NULL,
    number     bigint NOT NULL,
    worker     text NOT NULL,
    started_at bigint NOT NULL,
    ended_at   bigint,
    ended      text,
    error      text,
    PRIMARY KEY (run_id, epoch)
) WITH (fillfactor = 70);

CREATE TABLE logs (
    run_id  uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq     bigint NOT NULL,
    at      bigint NOT NULL,
    attempt bigint NOT NULL,
    stream  text NOT NULL,
    line    bytea NOT NULL,
    PRIMARY KEY (run_id, seq)
);

-- A version never comes back, not even after its record was deleted. An owner of '' is the platform.
CREATE SEQUENCE record_versions;
CREATE TABLE records (
    owner      text COLLATE "C" NOT NULL,
    space      bytea NOT NULL,
    key        bytea NOT NULL,
    value      bytea NOT NULL,
    version    bigint NOT NULL DEFAULT nextval('record_versions'),
    expires_at bigint,
    PRIMARY KEY (owner, space, key)
);
CREATE INDEX records_by_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;
