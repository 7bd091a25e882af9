//! How values of the vocabulary stand in the tables, and back.

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use chrono::{DateTime, Utc};
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use wren_core::model::{
    Attempt, AttemptEnd, Claim, Deployment, DeploymentOverview, FireKey, LogStream, Manifest, Run, RunPolicy, RunState,
    SkipReason, Trigger, TriggerKind, TriggerSpec,
};
use wren_core::store::kit::{Detail, QueuedRun, RunProgress, parsed, unreadable};
use wren_core::{CorrelationId, DeploymentId, OwnerId, Result, RunId, TriggerId, WorkerId};

use crate::encoding::{decode, instant, micros};
use crate::error::OrStoreError;
use crate::layout::{CURSORS, DEPLOYMENTS, LAST_RUNS, PAYLOADS, PROGRESS, RESULTS, RUNS, TRIGGERS, TRIGGERS_OF};

/// Opens tables: what reading and writing transactions have in common.
pub(crate) trait Opens {
    type Table<'t, K: redb::Key + 'static, V: redb::Value + 'static>: ReadableTable<K, V>
    where
        Self: 't;

    fn table<'t, K: redb::Key + 'static, V: redb::Value + 'static>(
        &'t self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<Self::Table<'t, K, V>>;
}

impl Opens for ReadTransaction {
    type Table<'t, K: redb::Key + 'static, V: redb::Value + 'static> = redb::ReadOnlyTable<K, V>;

    fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<redb::ReadOnlyTable<K, V>> {
        self.open_table(definition).or_store_error()
    }
}

impl Opens for WriteTransaction {
    type Table<'t, K: redb::Key + 'static, V: redb::Value + 'static> = Table<'t, K, V>;

    fn table<'t, K: redb::Key + 'static, V: redb::Value + 'static>(
        &'t self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<Table<'t, K, V>> {
        self.open_table(definition).or_store_error()
    }
}

/// Returns an id as the tables hold it.
pub(crate) fn bytes(id: &uuid::Uuid) -> &[u8; 16] {
    id.as_bytes()
}

/// The part of a run that never changes, without its payload.
#[derive(Serialize, Deserialize)]
pub(crate) struct RunHead {
    pub(crate) owner: OwnerId,
    pub(crate) deployment_id: DeploymentId,
    revision: u32,
    pub(crate) trigger_id: Option<TriggerId>,
    trigger: TriggerKind,
    func: String,
    pub(crate) key: String,
    #[serde(with = "ts_microseconds")]
    pub(crate) scheduled_for: DateTime<Utc>,
    policy: RunPolicy,
    #[serde(with = "ts_microseconds")]
    created_at: DateTime<Utc>,
    correlation_id: CorrelationId,
}

impl RunHead {
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            owner: run.owner.clone(),
            deployment_id: run.deployment_id,
            revision: run.revision,
            trigger_id: run.trigger_id,
            trigger: run.trigger,
            func: run.func.clone(),
            key: run.key.dedupe_key(),
            scheduled_for: run.scheduled_for,
            policy: run.policy.clone(),
            created_at: run.created_at,
            correlation_id: run.correlation_id.clone(),
        }
    }

    /// Returns within what the run's key is unique: its trigger, or for a manual run its deployment.
    pub(crate) fn key_space(&self) -> uuid::Uuid {
        self.trigger_id.map_or(self.deployment_id.uuid(), |id| id.uuid())
    }
}

/// The part of a run that changes, without its result. Isolation and error are JSON, as the core hands them over.
#[derive(Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) state: RunState,
    skip_reason: Option<SkipReason>,
    attempt: u32,
    failures: u32,
    orphaned: u32,
    #[serde(with = "ts_microseconds")]
    not_before: DateTime<Utc>,
    epoch: u64,
    worker: Option<WorkerId>,
    #[serde(with = "ts_microseconds_option")]
    pub(crate) lease_until: Option<DateTime<Utc>>,
    cancel_requested: bool,
    #[serde(with = "ts_microseconds_option")]
    pub(crate) started_at: Option<DateTime<Utc>>,
    #[serde(with = "ts_microseconds_option")]
    pub(crate) completed_at: Option<DateTime<Utc>>,
    isolation: Option<String>,
    error: Option<String>,
    #[serde(default)]
    pub(crate) logs_pruned: bool,
}

impl Progress {
    pub(crate) fn of(progress: &RunProgress) -> Self {
        Self {
            state: progress.run.state,
            skip_reason: progress.skip_reason,
            attempt: progress.attempt,
            failures: progress.failures,
            orphaned: progress.orphaned,
            not_before: progress.run.not_before,
            epoch: progress.epoch,
            worker: progress.worker.clone(),
            lease_until: progress.run.lease_until,
            cancel_requested: progress.cancel_requested,
            started_at: progress.started_at,
            completed_at: progress.completed_at,
            isolation: progress.isolation.clone(),
            error: progress.error.clone(),
            // Only of a terminal run, which never changes again.
            logs_pruned: false,
        }
    }
}

/// Reads a run, if it exists.
pub(crate) fn run(transaction: &impl Opens, id: RunId, detail: Detail) -> Result<Option<Run>> {
    let uuid = id.uuid();
    let heads = transaction.table(RUNS)?;
    let Some(head) = heads.get(bytes(&uuid)).or_store_error()? else { return Ok(None) };
    let head: RunHead = decode("run", head.value())?;
    let progress = progress(transaction, id)?;
    let (mut payload, mut result) = (None, None);
    if detail == Detail::Whole {
        let payloads = transaction.table(PAYLOADS)?;
        let text = payloads.get(bytes(&uuid)).or_store_error()?;
        payload = text.map(|text| parsed("payload", text.value())).transpose()?;
        let results = transaction.table(RESULTS)?;
        let text = results.get(bytes(&uuid)).or_store_error()?;
        result = text.map(|text| parsed("result", text.value())).transpose()?;
    }
    Ok(Some(Run {
        id,
        owner: head.owner,
        deployment_id: head.deployment_id,
        revision: head.revision,
        trigger_id: head.trigger_id,
        trigger: head.trigger,
        func: head.func,
        key: FireKey::parse_dedupe_key(&head.key).ok_or_else(|| unreadable("dedupe key", head.key))?,
        scheduled_for: head.scheduled_for,
        payload,
        policy: head.policy,
        state: progress.state,
        skip_reason: progress.skip_reason,
        attempt: progress.attempt,
        failures: progress.failures,
        orphaned: progress.orphaned,
        not_before: progress.not_before,
        epoch: progress.epoch,
        claim: match (progress.worker, progress.lease_until) {
            (Some(worker), Some(lease_until)) => Some(Claim { worker, lease_until }),
            _ => None,
        },
        cancel_requested: progress.cancel_requested,
        created_at: head.created_at,
        started_at: progress.started_at,
        completed_at: progress.completed_at,
        result,
        error: progress.error.map(|text| parsed("error", &text)).transpose()?,
        isolation: progress.isolation.map(|text| parsed("isolation", &text)).transpose()?,
        correlation_id: head.correlation_id,
        logs_pruned: progress.logs_pruned,
    }))
}

/// Reads the part of a run that changes.
pub(crate) fn progress(transaction: &impl Opens, id: RunId) -> Result<Progress> {
    let table = transaction.table(PROGRESS)?;
    let found = table.get(bytes(&id.uuid())).or_store_error()?;
    decode("progress of a run", found.ok_or_else(|| unreadable("progress of a run", "it is missing"))?.value())
}

/// Reads what the queue in memory knows of a run.
pub(crate) fn queued(transaction: &impl Opens, id: RunId) -> Result<QueuedRun> {
    let run = run(transaction, id, Detail::Light)?.ok_or_else(|| unreadable("active run", "it is missing"))?;
    Ok(QueuedRun::from(&run))
}

/// A revision, without its script.
#[derive(Serialize, Deserialize)]
pub(crate) struct RevisionRow {
    pub(crate) script_sha256: String,
    pub(crate) manifest: Manifest,
    #[serde(with = "ts_microseconds")]
    pub(crate) created_at: DateTime<Utc>,
}

/// A deployment. Its instants are kept as numbers: no year is too far.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeploymentRow {
    #[serde(flatten)]
    deployment: Deployment,
    created_micros: i64,
    updated_micros: i64,
    paused_until_micros: Option<i64>,
}

impl DeploymentRow {
    pub(crate) fn of(deployment: &Deployment) -> Self {
        Self {
            deployment: deployment.clone(),
            created_micros: micros(deployment.created_at),
            updated_micros: micros(deployment.updated_at),
            paused_until_micros: deployment.paused_until.map(micros),
        }
    }
}

/// Reads a deployment, if it exists.
pub(crate) fn deployment(transaction: &impl Opens, id: DeploymentId) -> Result<Option<Deployment>> {
    let table = transaction.table(DEPLOYMENTS)?;
    let Some(found) = table.get(bytes(&id.uuid())).or_store_error()? else { return Ok(None) };
    let row: DeploymentRow = decode("deployment", found.value())?;
    Ok(Some(Deployment {
        created_at: instant(row.created_micros)?,
        updated_at: instant(row.updated_micros)?,
        paused_until: row.paused_until_micros.map(instant).transpose()?,
        ..row.deployment
    }))
}

/// Reads a deployment with its triggers, oldest first.
pub(crate) fn overview(transaction: &impl Opens, id: DeploymentId) -> Result<Option<DeploymentOverview>> {
    let Some(deployment) = deployment(transaction, id)? else { return Ok(None) };
    let last_run = transaction.table(LAST_RUNS)?.get(bytes(&id.uuid())).or_store_error()?.map(|at| at.value());
    let mut triggers = triggers_of(transaction, id)?;
    triggers.sort_by_key(|trigger| (trigger.created_at, trigger.id));
    Ok(Some(DeploymentOverview { deployment, triggers, last_run: last_run.map(instant).transpose()? }))
}

/// A trigger, without its cursor.
#[derive(Serialize, Deserialize)]
pub(crate) struct TriggerRow {
    pub(crate) owner: OwnerId,
    pub(crate) deployment_id: DeploymentId,
    pub(crate) revision: u32,
    pub(crate) spec: TriggerSpec,
    #[serde(with = "ts_microseconds")]
    created_at: DateTime<Utc>,
}

impl TriggerRow {
    pub(crate) fn of(trigger: &Trigger) -> Self {
        Self {
            owner: trigger.owner.clone(),
            deployment_id: trigger.deployment_id,
            revision: trigger.revision,
            spec: trigger.spec.clone(),
            created_at: trigger.created_at,
        }
    }

    pub(crate) fn into_trigger(self, id: TriggerId, cursor: DateTime<Utc>) -> Trigger {
        let Self { owner, deployment_id, revision, spec, created_at } = self;
        Trigger { id, owner, deployment_id, revision, spec, cursor, created_at }
    }
}

/// Reads a trigger and its cursor, if it exists.
pub(crate) fn trigger(transaction: &impl Opens, id: TriggerId) -> Result<Option<(TriggerRow, DateTime<Utc>)>> {
    let uuid = id.uuid();
    let table = transaction.table(TRIGGERS)?;
    let Some(found) = table.get(bytes(&uuid)).or_store_error()? else { return Ok(None) };
    let cursor = transaction.table(CURSORS)?.get(bytes(&uuid)).or_store_error()?.map(|at| at.value());
    let cursor = instant(cursor.ok_or_else(|| unreadable("cursor", "it is missing"))?)?;
    Ok(Some((decode("trigger", found.value())?, cursor)))
}

/// Reads a deployment's triggers in the order of the manifest.
pub(crate) fn triggers_of(transaction: &impl Opens, id: DeploymentId) -> Result<Vec<Trigger>> {
    let uuid = id.uuid();
    let places = transaction.table(TRIGGERS_OF)?;
    let mut triggers = Vec::new();
    for entry in places.range((bytes(&uuid), 0)..=(bytes(&uuid), u32::MAX)).or_store_error()? {
        let (_, found) = entry.or_store_error()?;
        let id = TriggerId::from_uuid(uuid::Uuid::from_bytes(*found.value()));
        let (row, cursor) = trigger(transaction, id)?.ok_or_else(|| unreadable("trigger", "it is missing"))?;
        triggers.push(row.into_trigger(id, cursor));
    }
    Ok(triggers)
}

/// An attempt.
#[derive(Serialize, Deserialize)]
pub(crate) struct AttemptRow {
    pub(crate) number: u32,
    pub(crate) worker: WorkerId,
    #[serde(with = "ts_microseconds")]
    pub(crate) started_at: DateTime<Utc>,
    #[serde(with = "ts_microseconds_option")]
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) end: Option<AttemptEnd>,
    /// JSON, as the core hands it over.
    pub(crate) error: Option<String>,
}

impl AttemptRow {
    pub(crate) fn into_attempt(self, epoch: u64) -> Result<Attempt> {
        let Self { number, worker, started_at, ended_at, end, error } = self;
        let error = error.map(|text| parsed("error", &text)).transpose()?;
        Ok(Attempt { number, epoch, worker, started_at, ended_at, end, error })
    }
}

/// A line of a log.
#[derive(Serialize, Deserialize)]
pub(crate) struct LineRow {
    #[serde(with = "ts_microseconds")]
    pub(crate) at: DateTime<Utc>,
    pub(crate) attempt: u32,
    pub(crate) stream: LogStream,
    pub(crate) text: String,
}
