//! Supervises trigger sources: one that stops is started again.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use futures::future::join_all;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::inner::{Inner, millis};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{CorrelationId, RunId, TriggerId};
use crate::model::{FireKey, SkipReason, Trigger, TriggerKind};
use crate::source::{AccountHealth, Emission, EventSink, SourceEvent, TriggerSource};
use crate::store::{Fire, RecordFires};

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
    /// How old an event may be, of the triggers that say so, as they were last read.
    max_ages: RwLock<HashMap<TriggerId, TimeDelta>>,
}

impl Sink {
    pub(super) fn new(inner: Arc<Inner>, kind: TriggerKind) -> Self {
        Self { inner, kind, max_ages: RwLock::default() }
    }

    fn fire(&self, event: SourceEvent, now: DateTime<Utc>) -> Fire {
        let max_age = self.max_ages.read().get(&event.trigger_id).copied();
        let expired = max_age.is_some_and(|max_age| now - event.at > max_age);
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
        let fires = events.into_iter().map(|event| self.fire(event, now)).collect();
        self.inner.store.record_fires(RecordFires { fires, records, now }).await?;
        self.inner.look_for_cancelled();
        self.inner.more_work();
        self.inner.run_changed.notify_waiters();
        Ok(())
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
                let age = |trigger: &Trigger| Some((trigger.id, millis(trigger.spec.max_event_age_ms?)));
                *self.max_ages.write() = found.iter().filter_map(age).collect();
                return Ok(found);
            }
        }
    }
}
