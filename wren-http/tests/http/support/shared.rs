//! A store in memory that says of itself that several servers are on it.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use wren_core::memory::MemoryStore;
use wren_core::model::{
    Attempt, Deployment, DeploymentOverview, LogEntry, Page, PageOptions, Revision, RevisionSummary, Run, Trigger,
};
use wren_core::store::{
    AppendLogs, ClaimOptions, Claimed, Deployed, DeploymentStore, EnqueueRun, Expect, ExtendOutcome, FinishOptions,
    Fired, Held, ListDeployments, ListRuns, LogsPruned, Namespace, Peers, PutOptions, PutRevision, Record, RecordFires,
    RecordKey, RecordStore, RunStore, SetStatus, Signals, Store,
};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result, RunId, TriggerId, WireError};

#[derive(Debug, Default)]
pub(crate) struct SharedStore {
    store: MemoryStore,
    peers: TestPeers,
    /// Whether no rate can be written.
    pub(crate) forgets_rates: AtomicBool,
}

/// Wakes all who listen at the moment.
#[derive(Debug, Default)]
struct TestPeers(Notify);

#[async_trait]
impl Peers for TestPeers {
    fn signal(&self, _: Signals) {
        self.0.notify_waiters();
    }

    async fn signalled(&self) -> Signals {
        self.0.notified().await;
        Signals::ALL
    }
}

#[async_trait]
impl DeploymentStore for SharedStore {
    async fn put_revision(&self, owner: &OwnerId, revision: PutRevision) -> Result<Deployed> {
        self.store.put_revision(owner, revision).await
    }

    async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        self.store.deployment(owner, id).await
    }

    async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>> {
        self.store.deployments(owner, options).await
    }

    async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
        self.store.revision(owner, id, number).await
    }

    async fn revisions(&self, owner: &OwnerId, id: DeploymentId, page: PageOptions) -> Result<Page<RevisionSummary>> {
        self.store.revisions(owner, id, page).await
    }

    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview> {
        self.store.set_status(owner, id, change).await
    }

    async fn ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        self.store.ended_pauses(now, limit).await
    }

    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        self.store.scan_triggers(after, limit).await
    }
}

#[async_trait]
impl RunStore for SharedStore {
    async fn record_fires(&self, options: RecordFires) -> Result<Vec<Fired>> {
        self.store.record_fires(options).await
    }

    async fn enqueue(&self, owner: &OwnerId, run: EnqueueRun) -> Result<Run> {
        self.store.enqueue(owner, run).await
    }

    async fn claim(&self, options: ClaimOptions) -> Result<Claimed> {
        self.store.claim(options).await
    }

    async fn extend(&self, held: Vec<Held>, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<ExtendOutcome>> {
        self.store.extend(held, now, lease).await
    }

    async fn finish(&self, options: FinishOptions) -> Result<Run> {
        self.store.finish(options).await
    }

    async fn append_logs(&self, batch: Vec<AppendLogs>) -> Result<Vec<bool>> {
        self.store.append_logs(batch).await
    }

    async fn rescue_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Run>> {
        self.store.rescue_expired(now, limit).await
    }

    async fn request_cancel(&self, owner: &OwnerId, id: RunId, error: WireError, now: DateTime<Utc>) -> Result<Run> {
        self.store.request_cancel(owner, id, error, now).await
    }

    async fn run(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
        self.store.run(owner, id).await
    }

    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        self.store.runs(owner, options).await
    }

    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.store.logs(owner, id, after_seq, limit).await
    }

    async fn prune_logs(
        &self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<LogsPruned, Error> {
        self.store.prune_logs(since, before, limit).await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.store.prune(before, limit).await
    }
}

#[async_trait]
impl RecordStore for SharedStore {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        self.store.record(namespace, key, now).await
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        if *namespace == Namespace::system("rate_limits") && self.forgets_rates.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorCode::StoreUnavailable, "the disk is full"));
        }
        self.store.put_record(namespace, key, value, options).await
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        self.store.delete_record(namespace, key, expect, now).await
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        self.store.records(namespace, prefix, after, limit, now).await
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        self.store.record_keys(namespace, prefix, after, limit, now).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.store.purge_records(now, limit).await
    }
}

#[async_trait]
impl Store for SharedStore {
    fn name(&self) -> &'static str {
        "shared"
    }

    async fn check(&self) -> Result<()> {
        self.store.check().await
    }

    fn peers(&self) -> Option<&dyn Peers> {
        Some(&self.peers)
    }
}
