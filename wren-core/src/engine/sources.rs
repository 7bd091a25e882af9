//! Supervises trigger sources: one that stops is started again.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use futures::future::join_all;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::attention;
use super::inner::{Inner, millis};
use super::measures;
use super::quotas::{Counted, record_within_quotas};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{CorrelationId, OwnerId, RunId, TriggerId};
use crate::model::{FireKey, SkipReason, Trigger, TriggerKind};
use crate::source::{AccountHealth, Emission, EventSink, SourceEvent, TriggerSource};
use crate::store::{Disposition, Fire};

/// How long a source may take to end at a shutdown before it is dropped.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// The longest dedupe key, in bytes.
const MAX_KEY: usize = 512;

/// How a source is doing.
#[derive(Debug, Clone)]
pub struct SourceHealth {
    /// The kind it serves.
    pub kind: TriggerKind,
    /// How often it stopped and was started again.
    pub restarts: u64,
    /// What stopped it last.
    pub last_error: Option<String>,
    /// When it was last started.
    pub started_at: DateTime<Utc>,
    /// How all that it watches is doing.
    pub accounts: Vec<AccountHealth>,
}

/// Returns how all sources are doing.
pub(super) fn health(inner: &Inner) -> Vec<SourceHealth> {
    let mut all = inner.source_health.lock().clone();
    for (health, source) in all.iter_mut().zip(&inner.rules.sources) {
        health.accounts = source.health();
    }
    all
}

/// Runs all sources until `shutdown`.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    let sources = inner.rules.sources.clone();
    let started_at = inner.clock.now();
    *inner.source_health.lock() = sources
        .iter()
        .map(|source| SourceHealth {
            kind: source.kind(),
            restarts: 0,
            last_error: None,
            started_at,
            accounts: Vec::new(),
        })
        .collect();
    join_all(sources.into_iter().enumerate().map(|(place, source)| supervise(&inner, place, source, &shutdown))).await;
}

async fn supervise(inner: &Arc<Inner>, place: usize, source: Arc<dyn TriggerSource>, shutdown: &CancellationToken) {
    let sink: Arc<dyn EventSink> = Arc::new(Sink::new(Arc::clone(inner), source.kind()));
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let started_at = inner.clock.now();
        inner.source_health.lock()[place].started_at = started_at;
        // A panic of one source must not end the engine and with it every run.
        let running = AssertUnwindSafe(source.run(Arc::clone(&sink), shutdown.clone())).catch_unwind();
        let ended = tokio::select! {
            ended = running => ended,
            () = async {
                shutdown.cancelled().await;
                tokio::time::sleep(LAST_WAIT).await;
            } => return,
        };
        if shutdown.is_cancelled() {
            return;
        }
        let what = match ended {
            Ok(Ok(())) => "it returned".to_owned(),
            Ok(Err(error)) => error.chain(),
            Err(_) => "it panicked".to_owned(),
        };
        tracing::error!(source = source.kind().as_str(), error = what, "a trigger source stopped, starting it again");
        {
            let mut health = inner.source_health.lock();
            health[place].restarts += 1;
            health[place].last_error = Some(what);
        }
        // One that ran for a minute was well: what stopped it is a new fault.
        failures = if inner.clock.now() - started_at > chrono::TimeDelta::minutes(1) { 0 } else { failures + 1 };
        tokio::select! {
            () = inner.back_off(failures) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Records events of triggers of one kind.
#[derive(Debug)]
pub(super) struct Sink {
    inner: Arc<Inner>,
    kind: TriggerKind,
    /// The triggers as they were last read.
    known: RwLock<HashMap<TriggerId, Trigger>>,
}

impl Sink {
    pub(super) fn new(inner: Arc<Inner>, kind: TriggerKind) -> Self {
        Self { inner, kind, known: RwLock::default() }
    }

    /// Ends the waits of deployments for what the events come from, so that they are not skipped for it. One that goes on is
    /// made up for later.
    async fn end_waits(&self, events: &[SourceEvent]) {
        let Some(source) = self.inner.rules.sources.iter().find(|source| source.kind() == self.kind) else { return };
        let triggers: BTreeMap<_, _> = {
            let known = self.known.read();
            let triggers = events.iter().filter_map(|event| known.get(&event.trigger_id));
            triggers.map(|trigger| (trigger.deployment_id, trigger.clone())).collect()
        };
        for trigger in triggers.values() {
            let ended = async {
                match source.watched(trigger).await? {
                    Some(watched) => attention::seen(&self.inner, trigger, &watched).await,
                    None => Ok(()),
                }
            };
            if let Err(error) = ended.await {
                tracing::warn!(error = error.chain(), "a deployment whose events come again stays parked for now");
            }
        }
    }

    /// Returns whose triggers these are. One that is not known even after another look is gone, and nobody's.
    async fn owners(&self, fires: &[Fire]) -> Result<Vec<Option<OwnerId>>> {
        let is_known = |fire: &Fire| self.known.read().contains_key(&fire.trigger_id);
        if !fires.iter().all(is_known) && self.inner.quotas.may_limit_runs(&self.inner).await? {
            self.triggers().await?;
        }
        let known = self.known.read();
        Ok(fires.iter().map(|fire| known.get(&fire.trigger_id).map(|trigger| trigger.owner.clone())).collect())
    }

    fn fire(&self, event: SourceEvent, now: DateTime<Utc>) -> Fire {
        let max_age = self.known.read().get(&event.trigger_id).and_then(|trigger| trigger.spec.max_event_age_ms);
        let expired = max_age.is_some_and(|max_age| now - event.at > millis(max_age));
        Fire {
            run_id: RunId::new(),
            trigger_id: event.trigger_id,
            key: FireKey::Event(event.dedupe_key),
            // The time comes from outside: one in the future must hold nothing back.
            scheduled_for: event.at.min(now),
            payload: Some(event.payload),
            not_before: now,
            skip: expired.then_some(SkipReason::Expired),
            correlation_id: CorrelationId::generate(),
        }
    }
}

#[async_trait]
impl EventSink for Sink {
    async fn emit(&self, emission: Emission) -> Result<()> {
        let Emission { events, records } = emission;
        let now = self.inner.clock.now();
        if let Some(event) = events.iter().find(|event| event.dedupe_key.len() > MAX_KEY) {
            let message = format!("a dedupe key of {} bytes is over the limit of {MAX_KEY}", event.dedupe_key.len());
            return Err(Error::new(ErrorCode::InvalidRequest, message));
        }
        if self.inner.parked_for_watches.load(Ordering::Acquire) {
            self.end_waits(&events).await;
        }
        let fires: Vec<Fire> = events.into_iter().map(|event| self.fire(event, now)).collect();
        let owners = self.owners(&fires).await?;
        let owners: Vec<Option<&OwnerId>> = owners.iter().map(Option::as_ref).collect();
        // After an error whoever emits them again gives them other ids: what may have been recorded counts for itself.
        let mut counted = Counted::new(&self.inner);
        let fired = record_within_quotas(&self.inner, fires, &owners, records, now, &mut counted).await?;
        let new =
            fired.iter().filter(|fired| matches!(fired.disposition, Disposition::Queued | Disposition::Skipped(_)));
        measures::fired(self.kind, new.count());
        self.inner.look_for_cancelled();
        self.inner.more_work();
        self.inner.run_changes.some();
        Ok(())
    }

    fn changes(&self) -> u64 {
        *self.inner.trigger_changes.borrow()
    }

    async fn changed(&self, than: u64) {
        // The sender lives as long as this.
        let _ = self.inner.trigger_changes.subscribe().wait_for(|changes| *changes > than).await;
    }

    async fn triggers(&self) -> Result<Vec<Trigger>> {
        const SCAN: usize = 1_000;
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.inner.store.scan_triggers(after, SCAN).await?;
            let last = page.len() < SCAN;
            after = page.last().map(|trigger| trigger.id);
            found.extend(page.into_iter().filter(|trigger| trigger.spec.kind == self.kind));
            if last {
                *self.known.write() = found.iter().map(|trigger| (trigger.id, trigger.clone())).collect();
                return Ok(found);
            }
        }
    }
}
