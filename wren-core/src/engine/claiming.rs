//! Queued runs become attempts.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::inner::{ActiveRun, Inner, StopReason, answered, millis};
use super::{attempt, measures};
use crate::model::{Fence, Run};
use crate::store::{ClaimLimits, ClaimOptions, Claimed};

/// How long runs that were given back at a shutdown may take to end: longer than an executor may overrun and an append of
/// its lines may hang.
const LAST_WAIT: Duration = Duration::from_secs(12);
/// How long a claim that a shutdown finds under way is waited for: what it takes is lost to everybody until its lease ends.
const LAST_CLAIM: Duration = Duration::from_secs(3);

/// Claims and runs until `shutdown`, then lets the attempts in progress end.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    let mut attempts = JoinSet::new();
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        measures::places(attempts.len(), inner.options.concurrency);
        let free = inner.options.concurrency.saturating_sub(attempts.len());
        let mut next_at = None;
        if free > 0 {
            let claimed = tokio::select! {
                claimed = claim(&inner, free) => claimed,
                () = async {
                    shutdown.cancelled().await;
                    tokio::time::sleep(LAST_CLAIM).await;
                } => break,
            };
            match claimed {
                Ok(claimed) => {
                    failures = 0;
                    next_at = claimed.next_at;
                    for run in claimed.runs {
                        start(&inner, run, &mut attempts);
                    }
                    measures::places(attempts.len(), inner.options.concurrency);
                    inner.listed();
                }
                Err(error) => {
                    tracing::error!(error = error.chain(), "claiming runs failed, trying again");
                    tokio::select! {
                        () = inner.back_off(failures) => {}
                        () = shutdown.cancelled() => {}
                    }
                    failures += 1;
                    continue;
                }
            }
        }
        wait(&inner, next_at, &mut attempts, &shutdown).await;
    }
    drain(&inner, attempts).await;
}

async fn claim(inner: &Inner, free: usize) -> crate::error::Result<Claimed> {
    let now = inner.clock.now();
    let options = ClaimOptions {
        worker: inner.options.worker.clone(),
        now,
        lease: inner.lease(),
        limits: ClaimLimits {
            batch: free,
            per_deployment: inner.options.per_deployment,
            per_owner: inner.options.per_owner,
        },
    };
    // What an answer brings that comes later than a lease lasts is not this worker's any more.
    let claimed = answered(Duration::from_millis(inner.options.lease_ms), inner.store.claim(options)).await?;
    measures::claimed(&claimed.runs, now);
    Ok(claimed)
}

fn start(inner: &Arc<Inner>, run: Run, attempts: &mut JoinSet<()>) {
    let lease_until = run.claim.as_ref().map_or_else(|| inner.clock.now(), |claim| claim.lease_until);
    let active = Arc::new(ActiveRun::new(Fence { epoch: run.epoch }, lease_until));
    if let Some(old) = inner.active.lock().insert(run.id, Arc::clone(&active)) {
        // An attempt whose lease was lost to this very engine.
        old.stop(StopReason::Lost);
    }
    inner.run_changes.of(run.id);
    attempts.spawn(attempt::run(Arc::clone(inner), run, active));
}

/// Waits until there may be something to claim and room for it.
async fn wait(inner: &Inner, next_at: Option<DateTime<Utc>>, attempts: &mut JoinSet<()>, shutdown: &CancellationToken) {
    let full = attempts.len() >= inner.options.concurrency;
    tokio::select! {
        Some(ended) = attempts.join_next() => {
            report(ended);
            // Those that ended meanwhile make room, too: one claim for all of them.
            while let Some(ended) = attempts.try_join_next() {
                report(ended);
            }
        }
        () = inner.work.notified(), if !full => {}
        () = inner.pause(inner.options.poll_ms), if !full => {}
        () = until(inner, next_at), if !full && next_at.is_some() => {}
        () = shutdown.cancelled() => {}
    }
}

async fn until(inner: &Inner, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        // An instant that has passed is waited for a moment: the store has said that nothing of it may be claimed now.
        inner.clock.sleep_until(at.max(inner.clock.now() + millis(1))).await;
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // The claim stays until its lease ends; then the rescue takes the run back.
        tracing::error!(%error, "an attempt's task panicked");
    }
}

async fn drain(inner: &Inner, mut attempts: JoinSet<()>) {
    let all_ended = async {
        while let Some(ended) = attempts.join_next().await {
            report(ended);
        }
    };
    let deadline = tokio::time::sleep(Duration::from_millis(inner.options.drain_ms));
    tokio::pin!(all_ended);
    tokio::select! {
        () = &mut all_ended => return,
        () = deadline => {}
    }
    let active: Vec<_> = inner.active.lock().values().cloned().collect();
    tracing::warn!(runs = active.len(), "giving back the runs that did not end in time");
    for run in active {
        run.stop(StopReason::Shutdown);
    }
    tokio::select! {
        () = &mut all_ended => {}
        // An executor that does not let go, or a store that hangs. The leases end by themselves.
        () = tokio::time::sleep(LAST_WAIT) => tracing::error!("some runs did not end, leaving them to the next start"),
    }
}
