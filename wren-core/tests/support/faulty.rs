//! A store that waits, fails and forgets as the test says, over one that keeps what it is told.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wren_core::error::WireError;
use wren_core::memory::MemoryStore;
use wren_core::model::{Attempt, DeploymentOverview, LogEntry, Page, Revision, Run, Trigger};
use wren_core::store::{
    AppendLogs, ClaimOptions, Claimed, Deployed, DeploymentStore, EnqueueRun, Expect, ExtendOutcome, FinishOptions,
    Fire, Fired, Held, ListDeployments, ListRuns, Namespace, PutOptions, PutRevision, Record, RecordKey, RecordStore,
    RunStore, SetStatus, Store,
};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result, RunId, TriggerId};

/// The operations that can be made to fail: those that the engine calls on its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    PutRevision,
    Revision,
    ScanTriggers,
    RecordFires,
    Claim,
    Extend,
    Finish,
    AppendLogs,
    Rescue,
    /// Everything else; it never fails.
    Other,
}

/// What happens instead of a plain call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It takes so long.
    Slow(Duration),
    /// It is refused with `STORE_UNAVAILABLE`.
    Down,
    /// It is done, and answered with `STORE_UNAVAILABLE`.
    Forgotten,
    /// It waits for the token, then is done.
    HeldBefore(CancellationToken),
    /// It is done, and answered only after the token.
    HeldAfter(CancellationToken),
}

type Refusal<T> = Mutex<Option<Box<dyn Fn(&T) -> bool + Send>>>;

/// What the engine has done.
#[derive(Debug, Default)]
struct Seen {
    calls: HashMap<Op, usize>,
    extended: HashMap<Held, usize>,
}

#[derive(Default)]
pub(crate) struct FaultyStore {
    pub(crate) inner: MemoryStore,
    /// For so many calls more.
    faults: Mutex<HashMap<Op, (usize, Fault)>>,
    refused_ends: Refusal<FinishOptions>,
    refused_fires: Refusal<Fire>,
    seen: watch::Sender<Seen>,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FaultyStore").finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// Makes the next `times` calls of an operation faulty.
    pub(crate) fn inject(&self, op: Op, times: usize, fault: Fault) {
        self.faults.lock().insert(op, (times, fault));
    }

    /// Makes all operations of a list unavailable until they are mended.
    pub(crate) fn take_down(&self, ops: &[Op]) {
        self.faults.lock().extend(ops.iter().map(|op| (*op, (usize::MAX, Fault::Down))));
    }

    pub(crate) fn mend(&self) {
        self.faults.lock().clear();
        *self.refused_ends.lock() = None;
        *self.refused_fires.lock() = None;
    }

    /// Refuses ends with `INTERNAL`.
    pub(crate) fn refuse_ends(&self, refused: impl Fn(&FinishOptions) -> bool + Send + 'static) {
        *self.refused_ends.lock() = Some(Box::new(refused));
    }

    /// Refuses with `INTERNAL` every batch with such a fire.
    pub(crate) fn refuse_fires(&self, refused: impl Fn(&Fire) -> bool + Send + 'static) {
        *self.refused_fires.lock() = Some(Box::new(refused));
    }

    /// How many calls of an operation have been answered or have come to where they are held.
    pub(crate) fn calls(&self, op: Op) -> usize {
        self.seen.borrow().calls.get(&op).copied().unwrap_or(0)
    }

    /// Waits, bounded, for so many calls of an operation beyond those of now.
    pub(crate) async fn more_calls(&self, op: Op, count: usize) {
        let wanted = self.calls(op) + count;
        self.all_calls(op, wanted).await;
    }

    /// Waits, bounded, for so many calls of an operation in all.
    pub(crate) async fn all_calls(&self, op: Op, wanted: usize) {
        self.watch(&format!("{wanted} calls of {op:?}"), |seen| seen.calls.get(&op) >= Some(&wanted)).await;
    }

    /// Waits, bounded, for so many heartbeats more of a claim.
    pub(crate) async fn heartbeats(&self, held: Held, count: usize) {
        let wanted = self.seen.borrow().extended.get(&held).copied().unwrap_or(0) + count;
        self.watch("heartbeats", |seen| seen.extended.get(&held) >= Some(&wanted)).await;
    }

    async fn watch(&self, what: &str, wanted: impl FnMut(&Seen) -> bool) {
        let mut changes = self.seen.subscribe();
        let changed = tokio::time::timeout(Duration::from_secs(20), changes.wait_for(wanted)).await;
        assert!(changed.is_ok(), "waited in vain for {what}");
    }

    fn mark(&self, op: Op) {
        self.seen.send_modify(|seen| *seen.calls.entry(op).or_default() += 1);
    }

    fn next_fault(&self, op: Op) -> Option<Fault> {
        let mut faults = self.faults.lock();
        let (times, fault) = faults.get_mut(&op)?;
        let fault = fault.clone();
        *times -= 1;
        if *times == 0 {
            faults.remove(&op);
        }
        Some(fault)
    }

    async fn call<T>(&self, op: Op, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        // The memory store never waits; a real one lets others go first.
        tokio::task::yield_now().await;
        let answer = match self.next_fault(op) {
            None => call.await,
            Some(Fault::Slow(time)) => {
                tokio::time::sleep(time).await;
                call.await
            }
            Some(Fault::Down) => Err(unavailable()),
            Some(Fault::Forgotten) => call.await.and_then(|_| Err(unavailable())),
            Some(Fault::HeldBefore(gate)) => {
                self.mark(op);
                gate.cancelled().await;
                return call.await;
            }
            Some(Fault::HeldAfter(gate)) => {
                let answer = call.await;
                self.mark(op);
                gate.cancelled().await;
                return answer;
            }
        };
        self.mark(op);
        tokio::task::yield_now().await;
        answer
    }
}

fn unavailable() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "the store is away")
}

fn refused() -> Error {
    Error::new(ErrorCode::Internal, "the store cannot keep this")
}

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

    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview> {
        self.call(Op::Other, self.inner.set_status(owner, id, change)).await
    }

    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        self.call(Op::ScanTriggers, self.inner.scan_triggers(after, limit)).await
    }
}

#[async_trait]
impl RunStore for FaultyStore {
    async fn record_fires(&self, fires: Vec<Fire>, now: DateTime<Utc>) -> Result<Vec<Fired>> {
        let poison = self.refused_fires.lock().as_ref().is_some_and(|poison| fires.iter().any(poison));
        if poison {
            return self.call(Op::RecordFires, async { Err(refused()) }).await;
        }
        self.call(Op::RecordFires, self.inner.record_fires(fires, now)).await
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
        self.seen.send_modify(|seen| all.into_iter().for_each(|held| *seen.extended.entry(held).or_default() += 1));
        Ok(answer)
    }

    async fn finish(&self, options: FinishOptions) -> Result<Run> {
        let poison = self.refused_ends.lock().as_ref().is_some_and(|poison| poison(&options));
        if poison {
            return self.call(Op::Finish, async { Err(refused()) }).await;
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
        self.inner.run(owner, id).await
    }

    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        self.inner.runs(owner, options).await
    }

    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.inner.logs(owner, id, after_seq, limit).await
    }

    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.call(Op::Other, self.inner.prune(before, limit)).await
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
}
