//! The calls of the faulty store, each by way of its faults.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use wren_core::model::{
    Attempt, Deployment, DeploymentOverview, LogEntry, Page, PageOptions, Revision, RevisionSummary, Run, Trigger,
};
use wren_core::store::{
    AppendLogs, ClaimOptions, Claimed, Deployed, DeploymentStore, EnqueueRun, Expect, ExtendOutcome, FinishOptions,
    Fired, Held, ListDeployments, ListRuns, LogsPruned, Namespace, Peers, PutOptions, PutRevision, Record, RecordFires,
    RecordKey, RecordStore, RunStore, SetStatus, Store,
};
use wren_core::{DeploymentId, OwnerId, Result, RunId, TriggerId, WireError};

use super::faulty::{FaultyStore, Op};

#[async_trait]
impl DeploymentStore for FaultyStore {
    async fn put_revision(&self, owner: &OwnerId, revision: PutRevision) -> Result<Deployed> {
        self.call(Op::PutRevision, self.inner.put_revision(owner, revision)).await
    }

    async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        self.call(Op::Other, self.inner.deployment(owner, id)).await
    }

    async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>> {
        self.call(Op::Other, self.inner.deployments(owner, options)).await
    }

    async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
        self.call(Op::Revision, self.inner.revision(owner, id, number)).await
    }

    async fn revisions(&self, owner: &OwnerId, id: DeploymentId, page: PageOptions) -> Result<Page<RevisionSummary>> {
        self.call(Op::Other, self.inner.revisions(owner, id, page)).await
    }

    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview> {
        self.call(Op::Other, self.inner.set_status(owner, id, change)).await
    }

    async fn ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        self.call(Op::Other, self.inner.ended_pauses(now, limit)).await
    }

    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        self.call(Op::ScanTriggers, self.inner.scan_triggers(after, limit)).await
    }
}

#[async_trait]
impl RunStore for FaultyStore {
    async fn record_fires(&self, options: RecordFires) -> Result<Vec<Fired>> {
        self.mark_fires(options.fires.len());
        if let Some(refused) = self.refuses_fires(&options.fires) {
            return self.call(Op::RecordFires, async { Err(refused) }).await;
        }
        self.call(Op::RecordFires, self.inner.record_fires(options)).await
    }

    async fn enqueue(&self, owner: &OwnerId, run: EnqueueRun) -> Result<Run> {
        self.call(Op::Other, self.inner.enqueue(owner, run)).await
    }

    async fn claim(&self, options: ClaimOptions) -> Result<Claimed> {
        self.call(Op::Claim, self.inner.claim(options)).await
    }

    async fn extend(&self, held: Vec<Held>, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<ExtendOutcome>> {
        let all = held.clone();
        let answer = self.call(Op::Extend, self.inner.extend(held, now, lease)).await?;
        self.mark_extended(all);
        Ok(answer)
    }

    async fn finish(&self, options: FinishOptions) -> Result<Run> {
        if let Some(refused) = self.refuses_end(&options) {
            return self.call(Op::Finish, async { Err(refused) }).await;
        }
        self.call(Op::Finish, self.inner.finish(options)).await
    }

    async fn append_logs(&self, batch: Vec<AppendLogs>) -> Result<Vec<bool>> {
        self.call(Op::AppendLogs, self.inner.append_logs(batch)).await
    }

    async fn rescue_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Run>> {
        self.call(Op::Rescue, self.inner.rescue_expired(now, limit)).await
    }

    async fn request_cancel(&self, owner: &OwnerId, id: RunId, error: WireError, now: DateTime<Utc>) -> Result<Run> {
        self.call(Op::Other, self.inner.request_cancel(owner, id, error, now)).await
    }

    async fn run(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
        self.call(Op::Run, self.inner.run(owner, id)).await
    }

    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        self.inner.runs(owner, options).await
    }

    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.call(Op::Logs, self.inner.logs(owner, id, after_seq, limit)).await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.call(Op::Other, self.inner.prune(before, limit)).await
    }

    async fn prune_logs(
        &self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<LogsPruned> {
        self.call(Op::Other, self.inner.prune_logs(since, before, limit)).await
    }
}

#[async_trait]
impl RecordStore for FaultyStore {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        self.inner.record(namespace, key, now).await
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        self.inner.put_record(namespace, key, value, options).await
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        self.inner.delete_record(namespace, key, expect, now).await
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        self.inner.records(namespace, prefix, after, limit, now).await
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        self.inner.record_keys(namespace, prefix, after, limit, now).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.call(Op::Other, self.inner.purge_records(now, limit)).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn name(&self) -> &'static str {
        "faulty"
    }

    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }

    fn peers(&self) -> Option<&dyn Peers> {
        self.peers.as_ref().map(|peers| peers as &dyn Peers)
    }
}
