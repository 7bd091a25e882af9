//! Due times become run records.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::catch_up::{Lateness, Planned};
use super::inner::Inner;
use super::measures;
use super::quotas::{Counted, record_within_quotas};
use super::reconcile::reconcile;
use crate::id::{CorrelationId, OwnerId, RunId};
use crate::model::{FireKey, TriggerKind};
use crate::schedule::Due;
use crate::store::{Disposition, Fire, Fired};

/// How often a store may refuse a batch before it is taken apart.
const TRIES: u32 = 3;

/// Fills the planner from the store, then fires until `shutdown`.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    tokio::select! {
        () = fill_planner(&inner) => {}
        () = shutdown.cancelled() => return,
    }
    let mut due = Vec::new();
    while !shutdown.is_cancelled() {
        let now = inner.clock.now();
        due.clear();
        if !inner.shards.may_fire(now) {
            // What this engine has planned may be another one's by now.
            tokio::select! {
                () = inner.plan_changed.notified() => {}
                () = shutdown.cancelled() => {}
            }
            continue;
        }
        inner.scheduler.pop_due_into(now, inner.options.fire_batch, &mut due);
        if due.is_empty() {
            wait(&inner, now, &shutdown).await;
            continue;
        }
        let prepared = prepare(&inner, &due);
        // What was popped is only here until it is recorded. A shutdown may drop it: the cursor in the store has not
        // moved, so the next start finds it due again.
        tokio::select! {
            biased;
            () = record(&inner, prepared) => {}
            () = shutdown.cancelled() => return,
        }
        // A store that never waits must not keep the heartbeat, which shares this task, waiting.
        tokio::task::yield_now().await;
    }
}

/// A planner that is empty differs from the store in everything.
async fn fill_planner(inner: &Inner) {
    let mut failures = 0;
    while let Err(error) = reconcile(inner).await {
        tracing::error!(error = error.chain(), "reading the triggers failed, trying again");
        inner.back_off(failures).await;
        failures += 1;
    }
}

async fn wait(inner: &Inner, now: DateTime<Utc>, shutdown: &CancellationToken) {
    // Without anything planned a change of the plan is what ends the wait.
    let until = inner.scheduler.next_due().unwrap_or(now + TimeDelta::hours(1));
    tokio::select! {
        () = inner.clock.sleep_until(until) => {}
        () = inner.plan_changed.notified() => {}
        () = shutdown.cancelled() => {}
    }
}

/// A due time with its trigger and the ids its run gets, whatever happens until it is recorded.
#[derive(Debug, Clone)]
struct Prepared {
    due: Due,
    trigger: Arc<Planned>,
    run_id: RunId,
    correlation_id: CorrelationId,
}

impl Prepared {
    /// Decides about skipping by the time it is now: a store that was away for an hour has made it late.
    fn fire(&self, now: DateTime<Utc>, lateness: Lateness) -> Fire {
        Fire {
            run_id: self.run_id,
            trigger_id: self.trigger.id,
            key: FireKey::Scheduled(self.due.at),
            scheduled_for: self.due.at,
            payload: None,
            not_before: self.trigger.not_before(self.due.at),
            skip: self.trigger.skip(self.due.at, now, lateness),
            correlation_id: self.correlation_id.clone(),
        }
    }
}

fn prepare(inner: &Inner, due: &[Due]) -> Vec<Prepared> {
    let planned = inner.planned.read();
    due.iter()
        .filter_map(|&due| {
            // A trigger that was removed after the pop has no record to make.
            let trigger = Arc::clone(planned.get(&due.key)?);
            Some(Prepared { due, trigger, run_id: RunId::new(), correlation_id: CorrelationId::generate() })
        })
        .collect()
}

/// Records due times, again and again until the store takes them. A batch that the store refuses for what is in it is
/// halved, so that one bad entry keeps no other waiting.
async fn record(inner: &Inner, all: Vec<Prepared>) {
    let lateness = Lateness { grace_ms: inner.options.grace_ms, max_catch_up: inner.options.max_catch_up };
    let (mut batches, mut tries, mut counted) = (vec![all], TRIES, Counted::new(inner));
    while let Some(mut batch) = batches.pop() {
        let (mut failures, mut refusals) = (0, 0);
        while !batch.is_empty() {
            let now = inner.clock.now();
            let fires: Vec<Fire> = batch.iter().map(|prepared| prepared.fire(now, lateness)).collect();
            let owners: Vec<Option<&OwnerId>> = batch.iter().map(|prepared| Some(&prepared.trigger.owner)).collect();
            let error = match record_within_quotas(inner, fires, &owners, Vec::new(), now, &mut counted).await {
                Ok(fired) => {
                    recorded(inner, &batch, &fired);
                    break;
                }
                Err(error) => error,
            };
            tracing::error!(error = error.chain(), fires = batch.len(), "recording due times failed, trying again");
            refusals += u32::from(!error.retryable());
            if refusals >= tries && batch.len() > 1 {
                batches.push(batch.split_off(batch.len() / 2));
                // That it is refused for good is known now: its halves are taken apart without waiting.
                (tries, failures, refusals) = (1, 0, 0);
                continue;
            }
            if refusals >= TRIES {
                // The cursor has not moved: the reconciler brings it back.
                tracing::error!(trigger_id = %batch[0].trigger.id, due = %batch[0].due.at, "a due time cannot be recorded");
                break;
            }
            inner.back_off(failures).await;
            failures += 1;
        }
    }
}

fn recorded(inner: &Inner, batch: &[Prepared], fired: &[Fired]) {
    let new = fired.iter().filter(|fired| matches!(fired.disposition, Disposition::Queued | Disposition::Skipped(_)));
    measures::fired(TriggerKind::Schedule, new.count());
    let mut cancels_previous = false;
    for (prepared, fired) in batch.iter().zip(fired) {
        match fired.disposition {
            Disposition::Queued => cancels_previous |= prepared.trigger.cancels_previous,
            Disposition::Skipped(reason) => tracing::info!(
                run_id = %fired.run_id,
                trigger_id = %prepared.trigger.id,
                scheduled_for = %prepared.due.at,
                reason = reason.as_str(),
                "due time skipped"
            ),
            Disposition::Gone => inner.unplan(prepared.due.key),
            Disposition::Duplicate => {}
        }
    }
    inner.more_work();
    if cancels_previous {
        inner.look_for_cancelled();
        inner.run_changes.all();
    } else {
        inner.run_changes.some();
    }
}
