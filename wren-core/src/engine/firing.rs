//! Due times become run records.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::catch_up::Lateness;
use super::inner::Inner;
use crate::id::{CorrelationId, RunId};
use crate::model::FireKey;
use crate::schedule::Due;
use crate::store::{Disposition, Fire};

/// How many triggers are read from the store at once when the planner is filled.
const SCAN: usize = 1_000;

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
        inner.scheduler.pop_due_into(now, inner.options.fire_batch, &mut due);
        if due.is_empty() {
            wait(&inner, now, &shutdown).await;
            continue;
        }
        let fires = fires(&inner, &due, now);
        // What was popped is only here until it is recorded. A shutdown may drop it: the cursor in the store has not
        // moved, so the next start finds it due again.
        tokio::select! {
            biased;
            () = record(&inner, fires) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn fill_planner(inner: &Inner) {
    let mut after = None;
    let mut failures = 0;
    loop {
        match inner.store.scan_triggers(after, SCAN).await {
            Ok(triggers) => {
                failures = 0;
                for trigger in &triggers {
                    inner.plan(trigger);
                }
                if triggers.len() < SCAN {
                    return;
                }
                after = triggers.last().map(|trigger| trigger.id);
            }
            Err(error) => {
                tracing::error!(error = error.chain(), "reading the triggers failed, trying again");
                inner.back_off(failures).await;
                failures += 1;
            }
        }
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

fn fires(inner: &Inner, due: &[Due], now: DateTime<Utc>) -> Vec<Fire> {
    let lateness = Lateness { grace_ms: inner.options.grace_ms, max_catch_up: inner.options.max_catch_up };
    let planned = inner.planned.read();
    due.iter()
        .filter_map(|due| {
            // A trigger that was removed after the pop has no record to make.
            let trigger = planned.get(&due.key)?;
            Some(Fire {
                run_id: RunId::new(),
                trigger_id: trigger.id,
                key: FireKey::Scheduled(due.at),
                scheduled_for: due.at,
                payload: None,
                not_before: trigger.not_before(due.at),
                skip: trigger.skip(due.at, now, lateness),
                correlation_id: CorrelationId::generate(),
            })
        })
        .collect()
}

/// Records fires, again and again until the store takes them.
async fn record(inner: &Inner, fires: Vec<Fire>) {
    let mut failures = 0;
    let fired = loop {
        match inner.store.record_fires(fires.clone(), inner.clock.now()).await {
            Ok(fired) => break fired,
            Err(error) => {
                tracing::error!(error = error.chain(), fires = fires.len(), "recording due times failed, trying again");
                inner.back_off(failures).await;
                failures += 1;
            }
        }
    };
    for (fire, fired) in fires.iter().zip(&fired) {
        let key = fire.trigger_id.uuid().as_u128();
        match fired.disposition {
            Disposition::Queued => {
                if inner.planned.read().get(&key).is_some_and(|planned| planned.cancels_previous) {
                    inner.heartbeat_now.notify_one();
                }
            }
            Disposition::Skipped(reason) => tracing::info!(
                run_id = %fired.run_id,
                trigger_id = %fire.trigger_id,
                scheduled_for = %fire.scheduled_for,
                reason = reason.as_str(),
                "due time skipped"
            ),
            Disposition::Gone => inner.unplan(key),
            Disposition::Duplicate => {}
        }
    }
    inner.work.notify_one();
    inner.run_changed.notify_waiters();
}
