//! What the parts of an engine share.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::catch_up::Planned;
use super::changes::RunChanges;
use super::inspections::Inspections;
use super::presence::Presence;
use super::quotas::QuotaKeeper;
use super::revisions::RevisionCache;
use super::shards::Shards;
use super::{EngineOptions, SourceHealth, preview};
use crate::clock::Clock;
use crate::deploy::DeployRules;
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::id::RunId;
use crate::integration::IntegrationProbe;
use crate::model::{Fence, Trigger};
use crate::schedule::{PlannerEntry, Scheduler};
use crate::store::{Signals, Store};
use crate::trace::SpanSink;
use crate::vault::CredentialVault;

/// Why a run is being ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    /// Somebody asked for it.
    Cancelled,
    /// The engine shuts down.
    Shutdown,
    /// The lease ended while the store could not be reached: another worker may take the run any moment.
    LeaseEnded,
    /// The store said that the claim is not this worker's any more.
    Lost,
}

/// A run this engine is running.
#[derive(Debug)]
pub(super) struct ActiveRun {
    pub(super) fence: Fence,
    pub(super) cancel: CancellationToken,
    /// The first reason counts.
    reason: Mutex<Option<StopReason>>,
    /// When the claim ends unless a heartbeat extends it.
    pub(super) lease_until: Mutex<DateTime<Utc>>,
}

impl ActiveRun {
    pub(super) fn new(fence: Fence, lease_until: DateTime<Utc>) -> Self {
        Self { fence, cancel: CancellationToken::new(), reason: Mutex::new(None), lease_until: Mutex::new(lease_until) }
    }

    pub(super) fn stop(&self, reason: StopReason) {
        let mut first = self.reason.lock();
        // A lost claim outweighs what was said before: nothing may be written about the run any more.
        if first.is_none() || reason == StopReason::Lost {
            *first = Some(reason);
        }
        self.cancel.cancel();
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        *self.reason.lock()
    }
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    pub(super) scheduler: Arc<dyn Scheduler>,
    pub(super) vault: Arc<dyn CredentialVault>,
    pub(super) probe: Option<Arc<dyn IntegrationProbe>>,
    pub(super) host: Arc<dyn Host>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spans: Option<Arc<dyn SpanSink>>,
    pub(super) rules: DeployRules,
    pub(super) options: EngineOptions,
    /// Which triggers are this engine's to plan.
    pub(super) shards: Shards,
    /// What the planner's keys stand for.
    pub(super) planned: RwLock<HashMap<u128, Arc<Planned>>>,
    /// The planner's earliest due time may have changed.
    pub(super) plan_changed: Notify,
    /// There may be something to claim.
    pub(super) work: Notify,
    /// A running run may have been asked to end.
    pub(super) heartbeat_now: Notify,
    /// So may one that is on its way from the store to the list of the active ones, where no heartbeat sees it yet.
    asked_to_end: AtomicBool,
    /// What changes about runs.
    pub(super) run_changes: Arc<RunChanges>,
    /// How often the triggers have changed, as far as this engine knows.
    pub(super) trigger_changes: watch::Sender<u64>,
    pub(super) active: Mutex<HashMap<RunId, Arc<ActiveRun>>>,
    pub(super) revisions: RevisionCache,
    pub(super) inspections: Inspections,
    pub(super) previews: Presence,
    pub(super) quotas: QuotaKeeper,
    /// The plan may differ from the store.
    pub(super) reconcile_now: Notify,
    /// What a parked deployment waits for may be there.
    pub(super) attention_now: Notify,
    /// Whether a deployment may wait for something to be watched again.
    pub(super) parked_for_watches: AtomicBool,
    pub(super) source_health: Mutex<Vec<SourceHealth>>,
    running: AtomicBool,
}

/// What an engine is put together from.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) scheduler: Arc<dyn Scheduler>,
    pub(super) vault: Arc<dyn CredentialVault>,
    pub(super) probe: Option<Arc<dyn IntegrationProbe>>,
    pub(super) host: Arc<dyn Host>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spans: Option<Arc<dyn SpanSink>>,
    pub(super) rules: DeployRules,
    pub(super) options: EngineOptions,
}

/// Held while the engine runs.
#[derive(Debug)]
pub(super) struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}

impl Inner {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { store, scheduler, vault, probe, host, clock, spans, rules, options } = parts;
        let inspections = Inspections::new(options.concurrent_inspections);
        let quotas = QuotaKeeper::new(options.quotas);
        let shards = Shards::new(store.peers().is_some());
        Self {
            store,
            scheduler,
            vault,
            probe,
            host,
            clock,
            spans,
            rules,
            options,
            shards,
            planned: RwLock::default(),
            plan_changed: Notify::new(),
            work: Notify::new(),
            heartbeat_now: Notify::new(),
            asked_to_end: AtomicBool::new(false),
            run_changes: Arc::default(),
            trigger_changes: watch::Sender::new(0),
            active: Mutex::default(),
            revisions: RevisionCache::default(),
            inspections,
            previews: preview::presence(),
            quotas,
            reconcile_now: Notify::new(),
            attention_now: Notify::new(),
            parked_for_watches: AtomicBool::new(true),
            source_health: Mutex::default(),
            running: AtomicBool::new(false),
        }
    }

    /// Marks the engine as running, unless it is.
    pub(super) fn start(self: &Arc<Self>) -> Option<Running> {
        let was_running = self.running.swap(true, Ordering::AcqRel);
        (!was_running).then(|| Running(Arc::clone(self)))
    }

    pub(super) fn lease(&self) -> TimeDelta {
        millis(self.options.lease_ms)
    }

    /// Puts a trigger in the planner, in place of what it knew of it, unless that is of a newer revision.
    pub(super) fn plan(&self, trigger: &Trigger) {
        let Some(new) = Planned::of(trigger) else { return };
        let key = trigger.id.uuid().as_u128();
        // The lock covers both: map and planner always hold the same keys.
        let mut planned = self.planned.write();
        if !self.shards.has(key) {
            return;
        }
        if planned.get(&key).is_some_and(|old| old.revision > new.revision) {
            return;
        }
        let entry = PlannerEntry { key, schedule: Arc::clone(&new.schedule), after: trigger.cursor };
        if self.scheduler.upsert(entry).is_some() {
            planned.insert(key, Arc::new(new));
        } else {
            planned.remove(&key);
        }
        drop(planned);
        self.plan_changed.notify_one();
    }

    pub(super) fn unplan(&self, key: u128) {
        let mut planned = self.planned.write();
        self.scheduler.remove(key);
        planned.remove(&key);
    }

    /// Plans the triggers of these parts alone from now on.
    pub(super) fn keep_shards(&self, held: &BTreeSet<u32>) {
        let mut planned = self.planned.write();
        self.shards.set(held);
        planned.retain(|key, _| {
            let keep = self.shards.has(*key);
            if !keep {
                self.scheduler.remove(*key);
            }
            keep
        });
    }

    /// Tells the sources that triggers have changed.
    pub(super) fn triggers_changed(&self) {
        self.trigger_changes.send_modify(|changes| *changes += 1);
    }

    /// Has the claim loop look, and other engines' too: there may be something to claim.
    pub(super) fn more_work(&self) {
        self.work.notify_one();
        self.signal(Signals::WORK);
    }

    /// Tells the other engines on the store, if there are any.
    pub(super) fn signal(&self, signals: Signals) {
        if let Some(peers) = self.store.peers().filter(|_| !self.shards.is_alone()) {
            peers.signal(signals);
        }
    }

    /// Has the store asked which runs are to end, now and again when a claim that is under way has listed its runs.
    pub(super) fn look_for_cancelled(&self) {
        self.look_for_cancelled_here();
        self.signal(Signals::CANCEL);
    }

    /// Does so for the runs of this engine alone.
    pub(super) fn look_for_cancelled_here(&self) {
        self.asked_to_end.store(true, Ordering::Release);
        self.heartbeat_now.notify_one();
    }

    /// Called when claimed runs have been listed.
    pub(super) fn listed(&self) {
        if self.asked_to_end.swap(false, Ordering::AcqRel) {
            self.heartbeat_now.notify_one();
        }
    }

    /// Waits for an interval. A clock that is set back does not make it longer.
    pub(super) async fn pause(&self, interval_ms: u64) {
        tokio::select! {
            () = self.clock.sleep_until(self.clock.now() + millis(interval_ms)) => {}
            () = tokio::time::sleep(Duration::from_millis(interval_ms)) => {}
        }
    }

    /// Waits a while that grows with the number of failures in a row: 100 ms doubling to 10 s.
    pub(super) async fn back_off(&self, failures: u32) {
        let wait = Duration::from_millis(100).saturating_mul(1 << failures.min(7)).min(Duration::from_secs(10));
        tokio::time::sleep(wait).await;
    }
}

/// How long a store may take over a call that can be repeated.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for the store, but not for ever: a call that hangs is as good as one that failed, and is dropped.
pub(super) async fn answered<T>(patience: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(patience, call)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorCode::StoreUnavailable, "the store did not answer in time")))
}

/// Milliseconds as chrono counts them.
pub(super) fn millis(count: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(count).unwrap_or(i64::MAX / 1_000_000))
}
