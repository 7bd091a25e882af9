//! A store made of a writer and of reads that go past it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::deploying::Put;
use super::ending::Finish;
use super::handing_out::Claim;
use super::importing::ImportAll;
use super::keeping::{DeleteRecord, Purge, PutRecord};
use super::leasing::{Extend, Rescue};
use super::printing::Append;
use super::requesting::{Cancel, Enqueue};
use super::setting::{Prune, PruneLogs, Set, Touch};
use super::writer::Writer;
use super::{cursor, trimmed};
use crate::error::{Result, WireError};
use crate::id::{DeploymentId, DeploymentName, OwnerId, RunId, TriggerId};
use crate::model::{
    Attempt, Deployment, DeploymentOverview, DeploymentStatus, LogEntry, Page, PageOptions, Revision, RevisionSummary,
    Run, RunState, Trigger, TriggerKind,
};
use crate::store::{
    AppendLogs, ClaimOptions, Claimed, Deployed, DeploymentStore, EnqueueRun, Expect, ExtendOutcome, FinishOptions,
    Fired, Held, Import, ListDeployments, ListRuns, LogsPruned, Namespace, Peers, Portable, PutOptions, PutRevision,
    Record, RecordFires, RecordKey, RecordPlace, RecordStore, RecordWrite, RunStore, SetStatus, Store, WholeRecord,
    no_deployment, no_revision, no_run,
};

/// Which writer an operation goes to, where a store has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Fires.
    Fires,
    /// Claims.
    Claims,
    /// Heartbeats, lines, ends and rescues of runs.
    Runs,
    /// Deployments and requests.
    Requests,
    /// Records.
    Records,
}

/// The place in a list after which a page begins: an instant, and among those of one instant an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<Id> {
    /// The instant.
    pub at: DateTime<Utc>,
    /// The id.
    pub id: Id,
}

/// Which deployments to read, latest created first.
#[derive(Debug, Clone)]
pub struct DeploymentList {
    /// Only those of this status; without it all that are not undeployed.
    pub status: Option<DeploymentStatus>,
    /// Only the one of this name.
    pub name: Option<DeploymentName>,
    /// Only those before this place, by `created_at`.
    pub before: Option<Place<DeploymentId>>,
    /// How many at most.
    pub limit: usize,
}

/// Which runs to read, latest due time first.
#[derive(Debug, Clone)]
pub struct RunList {
    /// Only those of this deployment.
    pub deployment_id: Option<DeploymentId>,
    /// Only those of this trigger.
    pub trigger_id: Option<TriggerId>,
    /// Only those that this fired.
    pub trigger: Option<TriggerKind>,
    /// Only those in one of these states, each named once; with none in any.
    pub states: Vec<RunState>,
    /// Only those due at or after this.
    pub since: Option<DateTime<Utc>>,
    /// Only those due before this.
    pub until: Option<DateTime<Utc>>,
    /// Only those before this place, by `scheduled_for`.
    pub before: Option<Place<RunId>>,
    /// How many at most.
    pub limit: usize,
}

/// Which records to read, by key.
#[derive(Debug, Clone, Copy)]
pub struct RecordList<'a> {
    /// Where they live.
    pub namespace: &'a Namespace,
    /// What their keys begin with.
    pub prefix: &'a str,
    /// Only keys greater than this.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
    /// Those that have expired by then are not returned.
    pub now: DateTime<Utc>,
}

/// A technology: its writers and its reads. Each read MUST see one state of the store, as one transaction left it.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Returns the technology's name: `sqlite`…
    fn technology(&self) -> &'static str;

    /// Returns the writer for a lane.
    fn writer(&self, lane: Lane) -> &Writer;

    /// Returns the way to other processes, for [`Store::peers`].
    fn peers(&self) -> Option<&dyn Peers>;

    /// Says whether the store can be read now.
    async fn check_reading(&self) -> Result<()>;

    /// Reads an owner's deployment with its triggers.
    async fn read_deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>>;

    /// Reads an owner's deployments.
    async fn list_deployments(&self, owner: &OwnerId, list: DeploymentList) -> Result<Vec<DeploymentOverview>>;

    /// Reads a revision of an owner's deployment.
    async fn read_revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Option<Revision>>;

    /// Reads revisions of an owner's deployment, latest first: those of a lower number than `before`, at most `limit`; `None`
    /// when there is no such deployment.
    async fn list_revisions(
        &self,
        owner: &OwnerId,
        id: DeploymentId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Option<Vec<RevisionSummary>>>;

    /// Reads as [`DeploymentStore::ended_pauses`] says.
    async fn read_ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>>;

    /// Reads as [`DeploymentStore::scan_triggers`] says.
    async fn read_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>>;

    /// Reads an owner's run with its attempts, oldest first.
    async fn read_run(&self, owner: &OwnerId, id: RunId) -> Result<Option<(Run, Vec<Attempt>)>>;

    /// Reads an owner's runs.
    async fn list_runs(&self, owner: &OwnerId, list: RunList) -> Result<Vec<Run>>;

    /// Reads lines of an owner's run with a number above `after`; `None` when there is no such run.
    async fn read_logs(&self, owner: &OwnerId, id: RunId, after: u64, limit: usize) -> Result<Option<Vec<LogEntry>>>;

    /// Reads a record that has not expired.
    async fn read_record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>>;

    /// Reads records.
    async fn list_records(&self, list: RecordList<'_>) -> Result<Vec<Record>>;

    /// Reads keys of records and the sizes of their values.
    async fn list_record_keys(&self, list: RecordList<'_>) -> Result<Vec<RecordKey>>;

    /// Opens what [`Portable::snapshot`] returns: reads on one state of the store, and a [`Writer::refusing`].
    async fn open_snapshot(&self) -> Result<Arc<dyn Portable>>;

    /// Reads as [`Portable::all_deployments`] says.
    async fn scan_deployments(&self, after: Option<DeploymentId>, limit: usize)
    -> Result<Vec<(OwnerId, DeploymentId)>>;

    /// Reads as [`Portable::all_runs`] says.
    async fn scan_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>>;

    /// Reads as [`Portable::all_records`] says.
    async fn scan_records(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<WholeRecord>>;
}

fn trimmed_options(options: PutOptions) -> PutOptions {
    PutOptions { expires_at: options.expires_at.map(trimmed), now: trimmed(options.now), ..options }
}

/// The names of the lists in their cursors.
const DEPLOYMENTS: &str = "deployments";
const RUNS: &str = "runs";
const REVISIONS: &str = "revisions";

#[async_trait]
impl<B: Backend> Store for B {
    fn name(&self) -> &'static str {
        self.technology()
    }

    async fn check(&self) -> Result<()> {
        self.check_reading().await?;
        self.writer(Lane::Requests).write(Touch).await
    }

    fn peers(&self) -> Option<&dyn Peers> {
        Backend::peers(self)
    }
}

#[async_trait]
impl<B: Backend> DeploymentStore for B {
    async fn put_revision(&self, owner: &OwnerId, revision: PutRevision) -> Result<Deployed> {
        self.writer(Lane::Requests).write(Put { owner: owner.clone(), revision }).await
    }

    async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        self.read_deployment(owner, id).await?.ok_or_else(|| no_deployment(id))
    }

    async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>> {
        let ListDeployments { status, name, page } = options;
        let before = page.after.as_deref().map(|text| cursor::decode(DEPLOYMENTS, text)).transpose()?;
        let limit = page.limit.max(1);
        let list = DeploymentList { status, name, before, limit: limit.saturating_add(1) };
        let items = self.list_deployments(owner, list).await?;
        Ok(Page::from_overread(items, limit, |last: &DeploymentOverview| {
            cursor::encode(DEPLOYMENTS, last.deployment.created_at, last.deployment.id)
        }))
    }

    async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
        self.read_revision(owner, id, number).await?.ok_or_else(|| no_revision(id, number))
    }

    async fn revisions(&self, owner: &OwnerId, id: DeploymentId, page: PageOptions) -> Result<Page<RevisionSummary>> {
        let before = page.after.as_deref().map(|text| cursor::decode::<u32>(REVISIONS, text)).transpose()?;
        let limit = page.limit.max(1);
        let before = before.map(|place| place.id);
        let found = self.list_revisions(owner, id, before, limit.saturating_add(1)).await?;
        let items = found.ok_or_else(|| no_deployment(id))?;
        Ok(Page::from_overread(items, limit, |last: &RevisionSummary| {
            cursor::encode(REVISIONS, last.created_at, last.number)
        }))
    }

    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview> {
        self.writer(Lane::Requests).write(Set { owner: owner.clone(), id, change }).await
    }

    async fn ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        self.read_ended_pauses(trimmed(now), limit).await
    }

    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        self.read_triggers(after, limit).await
    }
}

#[async_trait]
impl<B: Backend> RunStore for B {
    async fn record_fires(&self, options: RecordFires) -> Result<Vec<Fired>> {
        let RecordFires { fires, mut records, now } = options;
        if fires.is_empty() && records.is_empty() {
            return Ok(Vec::new());
        }
        for record in &mut records {
            record.options = trimmed_options(record.options);
        }
        self.writer(Lane::Fires).write(RecordFires { fires, records, now: trimmed(now) }).await
    }

    async fn enqueue(&self, owner: &OwnerId, run: EnqueueRun) -> Result<Run> {
        self.writer(Lane::Requests).write(Enqueue { owner: owner.clone(), run }).await
    }

    async fn claim(&self, options: ClaimOptions) -> Result<Claimed> {
        self.writer(Lane::Claims).write(Claim { options }).await
    }

    async fn extend(&self, held: Vec<Held>, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<ExtendOutcome>> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        self.writer(Lane::Runs).write(Extend { held, now: trimmed(now), lease }).await
    }

    async fn finish(&self, options: FinishOptions) -> Result<Run> {
        self.writer(Lane::Runs).write(Finish { options }).await
    }

    async fn append_logs(&self, batch: Vec<AppendLogs>) -> Result<Vec<bool>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.writer(Lane::Runs).write(Append { batch }).await
    }

    async fn rescue_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Run>> {
        self.writer(Lane::Runs).write(Rescue { now: trimmed(now), limit }).await
    }

    async fn request_cancel(&self, owner: &OwnerId, id: RunId, error: WireError, now: DateTime<Utc>) -> Result<Run> {
        self.writer(Lane::Runs).write(Cancel { owner: owner.clone(), id, error, now: trimmed(now) }).await
    }

    async fn run(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
        self.read_run(owner, id).await?.ok_or_else(|| no_run(id))
    }

    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        let ListRuns { deployment_id, trigger_id, trigger, mut states, since, until, page } = options;
        // In one order, so that the same filter is the same statement.
        states.sort_by_key(|state| RunState::ALL.iter().position(|other| other == state));
        states.dedup();
        let before = page.after.as_deref().map(|text| cursor::decode(RUNS, text)).transpose()?;
        let limit = page.limit.max(1);
        let list = RunList {
            deployment_id,
            trigger_id,
            trigger,
            states,
            since: since.map(trimmed),
            until: until.map(trimmed),
            before,
            limit: limit.saturating_add(1),
        };
        let items = self.list_runs(owner, list).await?;
        Ok(Page::from_overread(items, limit, |last: &Run| cursor::encode(RUNS, last.scheduled_for, last.id)))
    }

    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.read_logs(owner, id, after_seq, limit).await?.ok_or_else(|| no_run(id))
    }

    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.writer(Lane::Runs).write(Prune { before: trimmed(before), limit }).await
    }

    async fn prune_logs(
        &self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<LogsPruned> {
        let (since, before) = (since.map(trimmed), trimmed(before));
        self.writer(Lane::Runs).write(PruneLogs { since, before, limit }).await
    }
}

#[async_trait]
impl<B: Backend> RecordStore for B {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        self.read_record(namespace, key, trimmed(now)).await
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        let options = trimmed_options(options);
        let put = RecordWrite { namespace: namespace.clone(), key: key.to_owned(), value, options };
        self.writer(Lane::Records).write(PutRecord(put)).await
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let version = match expect {
            Expect::Absent => return Ok(false),
            Expect::Any => None,
            Expect::Version(version) => Some(version),
        };
        let delete = DeleteRecord { namespace: namespace.clone(), key: key.to_owned(), version, now: trimmed(now) };
        self.writer(Lane::Records).write(delete).await
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        self.list_records(RecordList { namespace, prefix, after, limit, now: trimmed(now) }).await
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        self.list_record_keys(RecordList { namespace, prefix, after, limit, now: trimmed(now) }).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.writer(Lane::Records).write(Purge { now: trimmed(now), limit }).await
    }
}

#[async_trait]
impl<B: Backend> Portable for B {
    async fn snapshot(&self) -> Result<Arc<dyn Portable>> {
        self.open_snapshot().await
    }

    async fn all_deployments(&self, after: Option<DeploymentId>, limit: usize) -> Result<Vec<(OwnerId, DeploymentId)>> {
        self.scan_deployments(after, limit).await
    }

    async fn all_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>> {
        self.scan_runs(after, limit).await
    }

    async fn all_records(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<WholeRecord>> {
        self.scan_records(after, limit, trimmed(now)).await
    }

    async fn import(&self, import: Import) -> Result<()> {
        self.writer(Lane::Requests).write(ImportAll { import }).await
    }
}
