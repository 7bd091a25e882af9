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

-- What never changes of a run. What does stands in `progress`, one row for each run: a claim and an end write a narrow row
-- with few indexes, not the payload, the policy and the indexes of the lists again.
-- A run's deployment and trigger are not foreign keys: deployments are never deleted, a trigger's runs outlive it, and the
-- look-ups would cost every fire. Nor are the runs of progress, attempts and logs, which are written under the run's lock.
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
    policy           text NOT NULL,
    correlation_id   text NOT NULL,
    created_at       bigint NOT NULL,
    payload          text
);
CREATE UNIQUE INDEX runs_by_trigger_key ON runs (trigger_id, dedupe_key) WHERE trigger_id IS NOT NULL;
CREATE UNIQUE INDEX runs_by_request_key ON runs (deployment_id, dedupe_key) WHERE trigger_id IS NULL;
-- The lists.
CREATE INDEX runs_of_owner ON runs (owner, scheduled_for, id);
CREATE INDEX runs_of_deployment ON runs (deployment_id, scheduled_for, id);
CREATE INDEX runs_of_trigger ON runs (trigger_id, scheduled_for, id) WHERE trigger_id IS NOT NULL;

-- The columns before `state` repeat those of the run, for the queue and for the lists of the rarer states.
CREATE TABLE progress (
    run_id           uuid PRIMARY KEY,
    owner            text COLLATE "C" NOT NULL,
    deployment_id    uuid NOT NULL,
    trigger_id       uuid,
    scheduled_for    bigint NOT NULL,
    -- Whether it waits for the earlier runs of its trigger.
    serial           boolean NOT NULL,
    state            text NOT NULL,
    skip_reason      text,
    attempt          bigint NOT NULL,
    failures         bigint NOT NULL,
    orphaned         bigint NOT NULL,
    not_before       bigint NOT NULL,
    epoch            bigint NOT NULL,
    -- Who has its claim; of a run that succeeded here who had it.
    worker           text,
    lease_until      bigint,
    cancel_requested boolean NOT NULL,
    started_at       bigint,
    completed_at     bigint,
    isolation        text,
    error            text,
    result           text
);
-- The states that are rare and looked for: the scripts that went wrong among all that went well.
CREATE INDEX progress_astray ON progress (owner, state, scheduled_for, run_id)
    WHERE state IN ('failed', 'timeout', 'cancelled', 'skipped');
-- The queue, oldest first over all owners and within each.
CREATE INDEX progress_queued ON progress (not_before, scheduled_for, run_id) WHERE state = 'queued';
CREATE INDEX progress_queued_of_owner ON progress (owner, not_before, scheduled_for, run_id) WHERE state = 'queued';
-- What has not ended, by trigger.
CREATE INDEX progress_active ON progress (deployment_id, trigger_id, scheduled_for, run_id) WHERE completed_at IS NULL;
-- What runs: how much of whom, and until when.
CREATE INDEX progress_running ON progress (lease_until, owner, deployment_id) WHERE state = 'running';
CREATE INDEX progress_completed ON progress (completed_at) WHERE completed_at IS NOT NULL;

-- The attempts that have ended, but for one that succeeded here, which is the last: that one, as the one under way, stands in the
-- run's progress. One that a copy of a store brought along stands here.
CREATE TABLE attempts (
    run_id     uuid NOT NULL,
    epoch      bigint NOT NULL,
    number     bigint NOT NULL,
    worker     text NOT NULL,
    started_at bigint NOT NULL,
    ended_at   bigint NOT NULL,
    ended      text NOT NULL,
    error      text,
    PRIMARY KEY (run_id, epoch)
);

CREATE VIEW all_attempts AS
    SELECT run_id, epoch, number, worker, started_at, ended_at, ended, error FROM attempts
    UNION ALL
    SELECT run_id, epoch, attempt, worker, started_at, completed_at, CASE state WHEN 'success' THEN 'success' END, NULL
    FROM progress WHERE worker IS NOT NULL;

CREATE TABLE logs (
    run_id  uuid NOT NULL,
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
