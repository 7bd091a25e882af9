//! A store whose calls are timed.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::{Unit, describe_histogram, histogram};

use super::{
    AppendLogs, ClaimOptions, Claimed, Deployed, DeploymentStore, EnqueueRun, Expect, ExtendOutcome, FinishOptions,
    Fired, Held, ListDeployments, ListRuns, LogsPruned, Namespace, Peers, PutOptions, PutRevision, Record, RecordFires,
    RecordKey, RecordStore, RunStore, SetStatus, Store,
};
use crate::error::{ErrorClass, Result, WireError};
use crate::id::{DeploymentId, OwnerId, RunId, TriggerId};
use crate::model::{
    Attempt, Deployment, DeploymentOverview, LogEntry, Page, PageOptions, Revision, RevisionSummary, Run, Trigger,
};

const CALLS: &str = "wren_store_seconds";

/// Hands every call to another store, and tells the process's [`metrics`] recorder how long it took: `wren_store_seconds`, by
/// the call's name and whether it `failed`, was `ok`, or was `dropped` before there was an answer, as at a time limit. A
/// refusal, `NOT_FOUND` say, is an answer.
#[derive(Debug, Clone)]
pub struct TimedStore(Arc<dyn Store>);

impl TimedStore {
    /// Times the calls of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        describe_histogram!(CALLS, Unit::Seconds, "How long calls of the store took, by name and outcome");
        Self(store)
    }
}

/// A call that is under way. Who gives it up, after a time limit say, is told of, too.
struct Timed {
    op: &'static str,
    began: Instant,
    outcome: &'static str,
}

impl Drop for Timed {
    fn drop(&mut self) {
        histogram!(CALLS, "op" => self.op, "outcome" => self.outcome).record(self.began.elapsed());
    }
}

async fn timed<T>(op: &'static str, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let mut timed = Timed { op, began: Instant::now(), outcome: "dropped" };
    let answer = call.await;
    let failed = answer.as_ref().is_err_and(|error| error.class() == ErrorClass::InternalError || error.retryable());
    timed.outcome = if failed { "failed" } else { "ok" };
    answer
}

#[async_trait]
impl Store for TimedStore {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn check(&self) -> Result<()> {
        timed("check", self.0.check()).await
    }

    fn peers(&self) -> Option<&dyn Peers> {
        self.0.peers()
    }
}

#[async_trait]
impl DeploymentStore for TimedStore {
    async fn put_revision(&self, owner: &OwnerId, revision: PutRevision) -> Result<Deployed> {
        timed("put_revision", self.0.put_revision(owner, revision)).await
    }

    async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        timed("deployment", self.0.deployment(owner, id)).await
    }

    async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>> {
        timed("deployments", self.0.deployments(owner, options)).await
    }

    async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
        timed("revision", self.0.revision(owner, id, number)).await
    }

    async fn revisions(&self, owner: &OwnerId, id: DeploymentId, page: PageOptions) -> Result<Page<RevisionSummary>> {
        timed("revisions", self.0.revisions(owner, id, page)).await
    }

    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview> {
        timed("set_status", self.0.set_status(owner, id, change)).await
    }

    async fn ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        timed("ended_pauses", self.0.ended_pauses(now, limit)).await
    }

    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        timed("scan_triggers", self.0.scan_triggers(after, limit)).await
    }
}

#[async_trait]
impl RunStore for TimedStore {
    async fn record_fires(&self, options: RecordFires) -> Result<Vec<Fired>> {
        timed("record_fires", self.0.record_fires(options)).await
    }

    async fn enqueue(&self, owner: &OwnerId, run: EnqueueRun) -> Result<Run> {
        timed("enqueue", self.0.enqueue(owner, run)).await
    }

    async fn claim(&self, options: ClaimOptions) -> Result<Claimed> {
        timed("claim", self.0.claim(options)).await
    }

    async fn extend(&self, held: Vec<Held>, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<ExtendOutcome>> {
        timed("extend", self.0.extend(held, now, lease)).await
    }

    async fn finish(&self, options: FinishOptions) -> Result<Run> {
        timed("finish", self.0.finish(options)).await
    }

    async fn append_logs(&self, batch: Vec<AppendLogs>) -> Result<Vec<bool>> {
        timed("append_logs", self.0.append_logs(batch)).await
    }

    async fn rescue_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Run>> {
        timed("rescue_expired", self.0.rescue_expired(now, limit)).await
    }

    async fn request_cancel(&self, owner: &OwnerId, id: RunId, error: WireError, now: DateTime<Utc>) -> Result<Run> {
        timed("request_cancel", self.0.request_cancel(owner, id, error, now)).await
    }

    async fn run(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
        timed("run", self.0.run(owner, id)).await
    }

    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        timed("runs", self.0.runs(owner, options)).await
    }

    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        timed("logs", self.0.logs(owner, id, after_seq, limit)).await
    }

    async fn prune_logs(
        &self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<LogsPruned> {
        timed("prune_logs", self.0.prune_logs(since, before, limit)).await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        timed("prune", self.0.prune(before, limit)).await
    }
}

#[async_trait]
impl RecordStore for TimedStore {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        timed("record", self.0.record(namespace, key, now)).await
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        timed("put_record", self.0.put_record(namespace, key, value, options)).await
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        timed("delete_record", self.0.delete_record(namespace, key, expect, now)).await
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        timed("records", self.0.records(namespace, prefix, after, limit, now)).await
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        timed("record_keys", self.0.record_keys(namespace, prefix, after, limit, now)).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        timed("purge_records", self.0.purge_records(now, limit)).await
    }
}
