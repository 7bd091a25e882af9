//! A store that waits, fails and forgets as the test says, over one that keeps what it is told.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wren_core::memory::MemoryStore;
use wren_core::store::{FinishOptions, Fire, Held, Peers, Signals};
use wren_core::{Error, ErrorCode, Result};

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
    Run,
    Logs,
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
    fires: usize,
}

#[derive(Default)]
pub(crate) struct FaultyStore {
    pub(crate) inner: MemoryStore,
    /// For so many calls more.
    faults: Mutex<HashMap<Op, (usize, Fault)>>,
    refused_ends: Refusal<FinishOptions>,
    refused_fires: Refusal<Fire>,
    seen: watch::Sender<Seen>,
    /// Where several engines are on the store.
    pub(super) peers: Option<TestPeers>,
}

/// Wakes all who listen at the moment.
#[derive(Debug, Default)]
pub(crate) struct TestPeers(tokio::sync::Notify);

#[async_trait::async_trait]
impl Peers for TestPeers {
    fn signal(&self, _: Signals) {
        self.0.notify_waiters();
    }

    async fn signalled(&self) -> Signals {
        self.0.notified().await;
        Signals::ALL
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FaultyStore").finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// Makes one for several engines.
    pub(crate) fn shared() -> Self {
        Self { peers: Some(TestPeers::default()), ..Self::default() }
    }

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

    /// How many fires the store was given.
    pub(crate) fn fires(&self) -> usize {
        self.seen.borrow().fires
    }

    pub(super) fn mark_fires(&self, count: usize) {
        self.seen.send_modify(|seen| seen.fires += count);
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
        let changed = tokio::time::timeout(Duration::from_secs(60), changes.wait_for(wanted)).await;
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

    pub(super) async fn call<T>(&self, op: Op, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
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

    /// Says whether an end is refused, with what it is answered.
    pub(super) fn refuses_end(&self, end: &FinishOptions) -> Option<Error> {
        self.refused_ends.lock().as_ref().filter(|refused| refused(end)).map(|_| refused())
    }

    /// Says whether a batch is refused, with what it is answered.
    pub(super) fn refuses_fires(&self, fires: &[Fire]) -> Option<Error> {
        self.refused_fires.lock().as_ref().filter(|refused| fires.iter().any(refused)).map(|_| refused())
    }

    pub(super) fn mark_extended(&self, all: Vec<Held>) {
        self.seen.send_modify(|seen| all.into_iter().for_each(|held| *seen.extended.entry(held).or_default() += 1));
    }
}

fn unavailable() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "the store is away")
}

fn refused() -> Error {
    Error::new(ErrorCode::Internal, "the store cannot keep this")
}
