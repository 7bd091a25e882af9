//! Recording due times and events.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::model::{DeploymentStatus, FireKey, NewRun, Run, RunEvent, RunPolicy, TriggerKind};
use wren_core::store::{Admission, Disposition, Fire, Fired, admit, superseded};
use wren_core::{DeploymentId, Error, OwnerId, Result, RunId, TriggerId};

use super::changes::Changes;
use super::table;
use crate::error::OrStoreError;
use crate::rows::{self, Columns, blob, micros, parsed, run_columns, trimmed, word};
use crate::sql::{pieces, with_list, with_rows};
use crate::writer::Operation;

/// Inserts runs and moves cursors.
pub(super) struct RecordFires {
    pub(super) fires: Vec<Fire>,
    pub(super) now: DateTime<Utc>,
}

impl Operation for RecordFires {
    type Output = Vec<Fired>;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Vec<Fired>>>> {
        let mut recording = Recording::read(connection, operations).await?;
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let mut fired = Vec::with_capacity(operation.fires.len());
            for fire in &operation.fires {
                fired.push(recording.record(fire, operation.now)?);
            }
            answers.push(Ok(fired));
        }
        recording.write(connection).await?;
        Ok(answers)
    }
}

/// What a fire needs to know of its trigger.
struct Target {
    owner: OwnerId,
    deployment_id: DeploymentId,
    revision: u32,
    kind: TriggerKind,
    func: String,
    policy: RunPolicy,
    status: DeploymentStatus,
    paused_until: Option<DateTime<Utc>>,
    cursor: i64,
    moved: bool,
    /// Whether a run recorded before this transaction has not ended.
    has_older_active: bool,
    /// The runs of this transaction that are queued, by their place in it.
    queued: Vec<usize>,
    /// The runs recorded before that have not ended, where a fire may have to cancel them.
    older_active: Vec<Run>,
}

impl Target {
    fn has_active_run(&self) -> bool {
        self.has_older_active || !self.queued.is_empty()
    }
}

struct Recording {
    targets: HashMap<TriggerId, Target>,
    known: HashMap<(TriggerId, String), RunId>,
    new: Vec<Run>,
    changes: Changes,
}

impl Recording {
    /// Reads what the transaction sees of the triggers and of earlier runs.
    async fn read(connection: &mut SqliteConnection, operations: &[RecordFires]) -> Result<Self> {
        let fires = || operations.iter().flat_map(|operation| &operation.fires);
        let mut ids: Vec<TriggerId> = fires().map(|fire| fire.trigger_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut targets = read_targets(connection, &ids).await?;
        let mut keys = Vec::new();
        for fire in fires() {
            let Some(target) = targets.get(&fire.trigger_id) else { continue };
            let key = key_of(fire);
            // Every recorded due time is at or before the cursor, so one after it needs no look-up.
            let is_new = matches!(&key, FireKey::Scheduled(at) if micros(*at) > target.cursor);
            if !is_new {
                keys.push((fire.trigger_id, key.dedupe_key()));
            }
        }
        let known = read_known(connection, &keys).await?;
        for (id, target) in &mut targets {
            if target.has_older_active && target.policy.overlap == wren_core::model::Overlap::CancelPrevious {
                target.older_active = read_active(connection, target.deployment_id, *id).await?;
            }
        }
        Ok(Self { targets, known, new: Vec::new(), changes: Changes::default() })
    }

    fn record(&mut self, fire: &Fire, now: DateTime<Utc>) -> Result<Fired> {
        let run_id = fire.run_id;
        let Some(target) = self.targets.get_mut(&fire.trigger_id) else {
            return Ok(Fired { run_id, disposition: Disposition::Gone });
        };
        let key = key_of(fire);
        if let FireKey::Scheduled(at) = &key
            && micros(*at) > target.cursor
        {
            target.cursor = micros(*at);
            target.moved = true;
        }
        let place = (fire.trigger_id, key.dedupe_key());
        if let Some(first) = self.known.get(&place) {
            return Ok(Fired { run_id: *first, disposition: Disposition::Duplicate });
        }
        self.known.insert(place, run_id);
        let status = target.status.at(fire.scheduled_for, target.paused_until);
        let admission = admit(fire.skip, status, target.policy.overlap, target.has_active_run());
        let mut run = new_run(target, key, fire, now);
        let disposition = match admission {
            Admission::Skip(reason) => {
                apply(&mut run, RunEvent::Skip(reason), now)?;
                Disposition::Skipped(reason)
            }
            Admission::Queue | Admission::CancelPreviousAndQueue => {
                if admission == Admission::CancelPreviousAndQueue {
                    cancel_previous(target, &mut self.new, &mut self.changes, now)?;
                }
                target.queued.push(self.new.len());
                Disposition::Queued
            }
        };
        self.new.push(run);
        Ok(Fired { run_id, disposition })
    }

    async fn write(self, connection: &mut SqliteConnection) -> Result<()> {
        self.changes.write(connection).await?;
        table::insert(connection, &self.new).await?;
        let moved: Vec<(TriggerId, i64)> =
            self.targets.iter().filter(|(_, target)| target.moved).map(|(id, target)| (*id, target.cursor)).collect();
        for piece in pieces(&moved) {
            let mut statement = with_rows(MOVE_CURSORS, piece.len(), 2);
            for (id, cursor) in piece {
                statement = statement.bind(blob(id.uuid())).bind(*cursor);
            }
            statement.execute(&mut *connection).await.or_store_error()?;
        }
        Ok(())
    }
}

/// Ends the trigger's earlier runs, those of this transaction included.
fn cancel_previous(target: &mut Target, new: &mut [Run], changes: &mut Changes, now: DateTime<Utc>) -> Result<()> {
    for place in target.queued.drain(..) {
        apply(&mut new[place], RunEvent::Cancel { error: superseded() }, now)?;
    }
    for run in &mut target.older_active {
        changes.apply(run, RunEvent::Cancel { error: superseded() }, now)?.map_err(refused)?;
    }
    target.older_active.retain(|run| !run.state.is_terminal());
    // What runs is only asked to end; until it has, it is active.
    target.has_older_active = !target.older_active.is_empty();
    Ok(())
}

fn apply(run: &mut Run, event: RunEvent, now: DateTime<Utc>) -> Result<()> {
    run.apply(event, now).map(drop).map_err(refused)
}

/// A run that was just made queued, or just read as active, takes every event applied here.
fn refused(error: wren_core::model::TransitionError) -> Error {
    Error::internal("a new run refused its first change", error)
}

/// Returns the key as the store keeps it, to the microsecond.
fn key_of(fire: &Fire) -> FireKey {
    match &fire.key {
        FireKey::Scheduled(at) => FireKey::Scheduled(trimmed(*at)),
        FireKey::Event(key) => FireKey::Event(key.clone()),
    }
}

fn new_run(target: &Target, key: FireKey, fire: &Fire, now: DateTime<Utc>) -> Run {
    let new = NewRun {
        id: fire.run_id,
        owner: target.owner.clone(),
        deployment_id: target.deployment_id,
        revision: target.revision,
        trigger_id: Some(fire.trigger_id),
        trigger: target.kind,
        func: target.func.clone(),
        key,
        scheduled_for: trimmed(fire.scheduled_for),
        payload: fire.payload.clone(),
        policy: target.policy.clone(),
        not_before: trimmed(fire.not_before),
        correlation_id: fire.correlation_id.clone(),
    };
    Run::queued(new, now)
}

pub(crate) const MOVE_CURSORS: &str = "WITH v (id, cursor) AS (VALUES {rows}) \
     UPDATE triggers SET cursor = v.cursor FROM v WHERE triggers.id = v.id";

pub(crate) const TARGETS: &str = "SELECT t.id, t.owner, t.deployment_id, t.revision, t.kind, t.func, t.policy, d.status, \
     d.paused_until, t.cursor, EXISTS (SELECT 1 FROM runs r WHERE r.deployment_id = t.deployment_id AND r.trigger_id = t.id \
     AND r.completed_at IS NULL) \
     FROM triggers t CROSS JOIN deployments d ON d.id = t.deployment_id WHERE t.id IN ({list})";

pub(crate) const KNOWN: &str = "WITH v (trigger_id, dedupe_key) AS (VALUES {rows}) \
     SELECT r.trigger_id, r.dedupe_key, r.id \
     FROM v CROSS JOIN runs r ON r.trigger_id = v.trigger_id AND r.dedupe_key = v.dedupe_key";

async fn read_targets(connection: &mut SqliteConnection, ids: &[TriggerId]) -> Result<HashMap<TriggerId, Target>> {
    let mut targets = HashMap::with_capacity(ids.len());
    for piece in pieces(ids) {
        let mut statement = with_list(TARGETS, piece.len());
        for id in piece {
            statement = statement.bind(blob(id.uuid()));
        }
        for row in statement.fetch_all(&mut *connection).await.or_store_error()? {
            let mut columns = Columns::new(&row);
            let id = TriggerId::from_uuid(columns.uuid()?);
            let target = Target {
                owner: rows::name("owner", columns.text()?)?,
                deployment_id: DeploymentId::from_uuid(columns.uuid()?),
                revision: columns.number("revision")?,
                kind: word("kind", columns.text()?, TriggerKind::parse)?,
                func: columns.take()?,
                policy: parsed("policy", columns.text()?)?,
                status: word("status", columns.text()?, DeploymentStatus::parse)?,
                paused_until: columns.optional_instant()?,
                cursor: columns.take()?,
                moved: false,
                has_older_active: columns.take::<i64>()? != 0,
                queued: Vec::new(),
                older_active: Vec::new(),
            };
            targets.insert(id, target);
        }
    }
    Ok(targets)
}

/// Returns the runs recorded before under one of the keys.
async fn read_known(
    connection: &mut SqliteConnection,
    keys: &[(TriggerId, String)],
) -> Result<HashMap<(TriggerId, String), RunId>> {
    let mut known = HashMap::with_capacity(keys.len());
    for piece in pieces(keys) {
        let mut statement = with_rows(KNOWN, piece.len(), 2);
        for (trigger, key) in piece {
            statement = statement.bind(blob(trigger.uuid())).bind(key.clone());
        }
        for row in statement.fetch_all(&mut *connection).await.or_store_error()? {
            let mut columns = Columns::new(&row);
            let trigger = TriggerId::from_uuid(columns.uuid()?);
            let key: String = columns.take()?;
            known.insert((trigger, key), RunId::from_uuid(columns.uuid()?));
        }
    }
    Ok(known)
}

pub(crate) const ACTIVE: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM runs r WHERE r.deployment_id = ? AND r.trigger_id = ? AND r.completed_at IS NULL \
     ORDER BY r.scheduled_for, r.id"
);

/// Returns the queued and running runs of a trigger, oldest first.
async fn read_active(
    connection: &mut SqliteConnection,
    deployment: DeploymentId,
    trigger: TriggerId,
) -> Result<Vec<Run>> {
    let rows = sqlx::query(ACTIVE)
        .bind(blob(deployment.uuid()))
        .bind(blob(trigger.uuid()))
        .fetch_all(connection)
        .await
        .or_store_error()?;
    rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect()
}
