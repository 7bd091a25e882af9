//! What is written within a transaction, with every index of it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use redb::{ReadableTable as _, Table, WriteTransaction};
use serde::Deserialize;
use uuid::Uuid;
use wren_core::model::{Deployment, DeploymentStatus, Run, RunPolicy, RunState, Trigger, TriggerKind};
use wren_core::store::kit::{
    Changes, FireTarget, NewLine, NewRevision, RunProgress, RunQueue, json, trimmed, unreadable,
};
use wren_core::{DeploymentId, OwnerId, Result, RunId, TriggerId};

use crate::encoding::{decode, encode, instant, micros};
use crate::error::OrStoreError;
use crate::layout::{
    ACTIVE, ASTRAY, ATTEMPTS, Bytes, COMPLETED, CURSORS, DEPLOYMENTS, DEPLOYMENTS_OF_OWNER, Id, KEYS, LAST_RUNS, LOGS,
    NAMES, PAUSES, PAYLOADS, PROGRESS, RESULTS, REVISIONS, RUNS, RUNS_OF_DEPLOYMENT, RUNS_OF_OWNER, RUNS_OF_TRIGGER,
    SCRIPTS, TRIGGERS, TRIGGERS_OF,
};
use crate::rows::{
    AttemptRow, DeploymentRow, LineRow, Opens, Progress, RevisionRow, RunHead, TriggerRow, bytes, deployment, progress,
};

/// Inserts a deployment, or writes it over.
pub(crate) fn deployment_row(transaction: &WriteTransaction, queue: &mut RunQueue, new: &Deployment) -> Result<()> {
    let uuid = new.id.uuid();
    let old = deployment(transaction, new.id)?;
    transaction.table(DEPLOYMENTS)?.insert(bytes(&uuid), &*encode(&DeploymentRow::of(new))?).or_store_error()?;
    let name = (new.owner.as_str(), new.name.as_str());
    let mut names = transaction.table(NAMES)?;
    if new.status == DeploymentStatus::Undeployed {
        names.remove(name).or_store_error()?;
    } else {
        names.insert(name, bytes(&uuid)).or_store_error()?;
    }
    let place = (new.owner.as_str(), micros(new.created_at), bytes(&uuid));
    transaction.table(DEPLOYMENTS_OF_OWNER)?.insert(place, ()).or_store_error()?;
    let mut pauses = transaction.table(PAUSES)?;
    if let Some(until) = old.and_then(|old| old.paused_until) {
        pauses.remove((micros(until), bytes(&uuid))).or_store_error()?;
    }
    if let Some(until) = new.paused_until {
        pauses.insert((micros(until), bytes(&uuid)), ()).or_store_error()?;
    }
    queue.set_active(new.id, new.status == DeploymentStatus::Active);
    Ok(())
}

/// Inserts a revision.
pub(crate) fn revision(transaction: &WriteTransaction, new: NewRevision<'_>) -> Result<()> {
    let uuid = new.deployment.id.uuid();
    let row = RevisionRow {
        script_sha256: new.script_sha256.to_owned(),
        manifest: new.manifest.clone(),
        created_at: new.now,
    };
    let place = (bytes(&uuid), new.deployment.revision);
    transaction.table(REVISIONS)?.insert(place, &*encode(&row)?).or_store_error()?;
    transaction.table(SCRIPTS)?.insert((bytes(&uuid), new.script_sha256), new.script).or_store_error()?;
    Ok(())
}

/// Replaces a deployment's triggers.
pub(crate) fn triggers(transaction: &WriteTransaction, id: DeploymentId, new: &[Trigger]) -> Result<()> {
    let uuid = id.uuid();
    let mut of_deployment = transaction.table(TRIGGERS_OF)?;
    let mut triggers = transaction.table(TRIGGERS)?;
    let mut cursors = transaction.table(CURSORS)?;
    let all = (bytes(&uuid), 0)..=(bytes(&uuid), u32::MAX);
    let mut old: Vec<[u8; 16]> = Vec::new();
    for entry in of_deployment.range(all.clone()).or_store_error()? {
        old.push(*entry.or_store_error()?.1.value());
    }
    for trigger in &old {
        triggers.remove(trigger).or_store_error()?;
        cursors.remove(trigger).or_store_error()?;
    }
    of_deployment.retain_in(all, |_, _| false).or_store_error()?;
    for (place, trigger) in (0..).zip(new) {
        let trigger_uuid = trigger.id.uuid();
        of_deployment.insert((bytes(&uuid), place), bytes(&trigger_uuid)).or_store_error()?;
        triggers.insert(bytes(&trigger_uuid), &*encode(&TriggerRow::of(trigger))?).or_store_error()?;
        cursors.insert(bytes(&trigger_uuid), micros(trigger.cursor)).or_store_error()?;
    }
    Ok(())
}

/// Keeps the latest start in each deployment.
pub(crate) fn starts(transaction: &WriteTransaction, starts: &[(DeploymentId, DateTime<Utc>)]) -> Result<()> {
    let mut table = transaction.table(LAST_RUNS)?;
    for (id, at) in starts {
        let uuid = id.uuid();
        let known = table.get(bytes(&uuid)).or_store_error()?.map(|at| at.value());
        if known.is_none_or(|known| known < micros(*at)) {
            table.insert(bytes(&uuid), micros(*at)).or_store_error()?;
        }
    }
    Ok(())
}

/// The part of a trigger that a fire needs: its schedule is not parsed.
#[derive(Deserialize)]
struct FireRow {
    owner: OwnerId,
    deployment_id: DeploymentId,
    revision: u32,
    spec: FireSpec,
}

#[derive(Deserialize)]
struct FireSpec {
    #[serde(rename = "type")]
    kind: TriggerKind,
    func: String,
    policy: RunPolicy,
}

/// The part of a deployment that a fire needs.
#[derive(Deserialize, Clone, Copy)]
struct StatusRow {
    status: DeploymentStatus,
    paused_until_micros: Option<i64>,
}

/// Reads what fires need to know of triggers.
pub(crate) fn fire_targets(
    transaction: &WriteTransaction,
    queue: &RunQueue,
    ids: &[TriggerId],
) -> Result<HashMap<TriggerId, FireTarget>> {
    let triggers = transaction.table(TRIGGERS)?;
    let cursors = transaction.table(CURSORS)?;
    let deployments = transaction.table(DEPLOYMENTS)?;
    let mut statuses: HashMap<DeploymentId, StatusRow> = HashMap::new();
    let mut targets = HashMap::with_capacity(ids.len());
    for id in ids {
        let uuid = id.uuid();
        let Some(row) = triggers.get(bytes(&uuid)).or_store_error()? else { continue };
        let row: FireRow = decode("trigger", row.value())?;
        let status = match statuses.get(&row.deployment_id) {
            Some(status) => *status,
            None => {
                let found = deployments.get(bytes(&row.deployment_id.uuid())).or_store_error()?;
                let found = found.ok_or_else(|| unreadable("deployment of a trigger", "it is missing"))?;
                let status: StatusRow = decode("deployment", found.value())?;
                statuses.insert(row.deployment_id, status);
                status
            }
        };
        let cursor = cursors.get(bytes(&uuid)).or_store_error()?.map(|at| at.value());
        let target = FireTarget {
            owner: row.owner,
            deployment_id: row.deployment_id,
            revision: row.revision,
            kind: row.spec.kind,
            func: row.spec.func,
            policy: row.spec.policy,
            status: status.status,
            paused_until: status.paused_until_micros.map(instant).transpose()?,
            cursor: instant(cursor.ok_or_else(|| unreadable("cursor", "it is missing"))?)?,
            has_active_run: queue.has_of_trigger(*id),
        };
        targets.insert(*id, target);
    }
    Ok(targets)
}

/// Returns the run recorded under a dedupe key within a trigger, or within a deployment's requests.
pub(crate) fn recorded(transaction: &WriteTransaction, space: Uuid, key: &str) -> Result<Option<RunId>> {
    let table = transaction.table(KEYS)?;
    let found = table.get((bytes(&space), key)).or_store_error()?;
    Ok(found.map(|id| RunId::from_uuid(Uuid::from_bytes(*id.value()))))
}

/// Sets cursors.
pub(crate) fn cursors(transaction: &WriteTransaction, moved: &[(TriggerId, DateTime<Utc>)]) -> Result<()> {
    let mut table = transaction.table(CURSORS)?;
    for (id, at) in moved {
        table.insert(bytes(&id.uuid()), micros(*at)).or_store_error()?;
    }
    Ok(())
}

/// Says in which list of those that went wrong a run stands, if it does: by its state.
pub(crate) fn is_astray(state: RunState) -> bool {
    matches!(state, RunState::Failed | RunState::Timeout | RunState::Cancelled | RunState::Skipped)
}

/// The tables that say how far a run has come.
struct ProgressTables<'t> {
    progress: Table<'t, Id, Bytes>,
    results: Table<'t, Id, &'static str>,
    active: Table<'t, (&'static str, i64, Id), ()>,
    astray: Table<'t, (&'static str, i64, Id), ()>,
    completed: Table<'t, (i64, Id), ()>,
}

impl<'t> ProgressTables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self> {
        Ok(Self {
            progress: transaction.table(PROGRESS)?,
            results: transaction.table(RESULTS)?,
            active: transaction.table(ACTIVE)?,
            astray: transaction.table(ASTRAY)?,
            completed: transaction.table(COMPLETED)?,
        })
    }

    fn write(&mut self, queue: &mut RunQueue, new: &RunProgress) -> Result<()> {
        let uuid = new.run.id.uuid();
        self.progress.insert(bytes(&uuid), &*encode(&Progress::of(new))?).or_store_error()?;
        if let Some(result) = &new.result {
            self.results.insert(bytes(&uuid), result.as_str()).or_store_error()?;
        }
        let place = (new.run.owner.as_str(), micros(new.run.scheduled_for), bytes(&uuid));
        if let Some(at) = new.completed_at {
            self.active.remove(place).or_store_error()?;
            self.completed.insert((micros(at), bytes(&uuid)), ()).or_store_error()?;
            if is_astray(new.run.state) {
                self.astray.insert(place, ()).or_store_error()?;
            }
        } else {
            self.active.insert(place, ()).or_store_error()?;
        }
        queue.put(new.run.clone());
        Ok(())
    }
}

/// Inserts runs.
pub(crate) fn runs(transaction: &WriteTransaction, queue: &mut RunQueue, new: &[Run]) -> Result<()> {
    let mut heads = transaction.table(RUNS)?;
    let mut payloads = transaction.table(PAYLOADS)?;
    let mut keys = transaction.table(KEYS)?;
    let mut of_owner = transaction.table(RUNS_OF_OWNER)?;
    let mut of_deployment = transaction.table(RUNS_OF_DEPLOYMENT)?;
    let mut of_trigger = transaction.table(RUNS_OF_TRIGGER)?;
    let mut tables = ProgressTables::open(transaction)?;
    for run in new {
        let uuid = run.id.uuid();
        let (id, at) = (bytes(&uuid), micros(run.scheduled_for));
        let head = RunHead::of(run);
        heads.insert(id, &*encode(&head)?).or_store_error()?;
        if let Some(payload) = &run.payload {
            payloads.insert(id, json(payload)?.as_str()).or_store_error()?;
        }
        keys.insert((bytes(&head.key_space()), head.key.as_str()), id).or_store_error()?;
        of_owner.insert((run.owner.as_str(), at, id), ()).or_store_error()?;
        of_deployment.insert((bytes(&run.deployment_id.uuid()), at, id), ()).or_store_error()?;
        if let Some(trigger) = run.trigger_id {
            of_trigger.insert((bytes(&trigger.uuid()), at, id), ()).or_store_error()?;
        }
        tables.write(queue, &RunProgress::of(run)?)?;
    }
    Ok(())
}

/// Writes what has changed of runs and their attempts.
pub(crate) fn changes(transaction: &WriteTransaction, queue: &mut RunQueue, changes: &Changes) -> Result<()> {
    let mut tables = ProgressTables::open(transaction)?;
    for progress in changes.runs() {
        tables.write(queue, progress)?;
    }
    let mut attempts = transaction.table(ATTEMPTS)?;
    for started in &changes.started {
        let row = AttemptRow {
            number: started.number,
            worker: started.worker.clone(),
            started_at: started.at,
            ended_at: None,
            end: None,
            error: None,
        };
        let uuid = started.run.uuid();
        attempts.insert((bytes(&uuid), started.epoch), &*encode(&row)?).or_store_error()?;
    }
    for ended in &changes.ended {
        let uuid = ended.run.uuid();
        let place = (bytes(&uuid), ended.epoch);
        let Some(row) = attempts.get(place).or_store_error()?.map(|row| decode("attempt", row.value())) else {
            continue;
        };
        let row: AttemptRow = row?;
        let row = AttemptRow { ended_at: Some(ended.at), end: Some(ended.end), error: ended.error.clone(), ..row };
        attempts.insert(place, &*encode(&row)?).or_store_error()?;
    }
    Ok(())
}

/// Moves the ends of leases.
pub(crate) fn leases(
    transaction: &WriteTransaction,
    queue: &mut RunQueue,
    leases: &[(RunId, DateTime<Utc>)],
) -> Result<()> {
    for (id, until) in leases {
        let mut row = progress(transaction, *id)?;
        row.lease_until = Some(*until);
        transaction.table(PROGRESS)?.insert(bytes(&id.uuid()), &*encode(&row)?).or_store_error()?;
        queue.extend(*id, *until);
    }
    Ok(())
}

/// Returns the last log number of those of the runs that have one.
pub(crate) fn last_lines(transaction: &WriteTransaction, ids: &[RunId]) -> Result<HashMap<RunId, u64>> {
    let logs = transaction.table(LOGS)?;
    let mut found = HashMap::with_capacity(ids.len());
    for id in ids {
        let uuid = id.uuid();
        let last = logs.range((bytes(&uuid), 0)..=(bytes(&uuid), u64::MAX)).or_store_error()?.next_back();
        if let Some(entry) = last {
            found.insert(*id, entry.or_store_error()?.0.value().1);
        }
    }
    Ok(found)
}

/// Appends lines.
pub(crate) fn lines(transaction: &WriteTransaction, lines: &[NewLine<'_>]) -> Result<()> {
    let mut logs = transaction.table(LOGS)?;
    for NewLine { run, seq, attempt, line } in lines {
        let row = LineRow { at: trimmed(line.at), attempt: *attempt, stream: line.stream, text: line.text.clone() };
        logs.insert((bytes(&run.uuid()), *seq), &*encode(&row)?).or_store_error()?;
    }
    Ok(())
}
