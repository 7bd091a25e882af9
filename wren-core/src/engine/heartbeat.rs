//! Keeps the claims of runs in progress, and learns who is to end.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::inner::{ActiveRun, Inner, StopReason, answered};
use crate::id::RunId;
use crate::store::{ExtendOutcome, Held};

/// Extends leases three times per lease until `done`.
pub(super) async fn run(inner: Arc<Inner>, done: CancellationToken) {
    loop {
        tokio::select! {
            () = done.cancelled() => return,
            () = inner.pause(inner.options.lease_ms / 3) => {}
            () = inner.heartbeat_now.notified() => {}
        }
        tokio::select! {
            () = done.cancelled() => return,
            _ = beat(&inner) => {}
        }
    }
}

/// Extends the leases of all runs in progress. Returns the instant from which they were extended, if the store answered:
/// at that instant none of them has ended, whatever the clock shows by now.
pub(super) async fn beat(inner: &Inner) -> Option<DateTime<Utc>> {
    let now = inner.clock.now();
    let active: Vec<(RunId, Arc<ActiveRun>)> =
        inner.active.lock().iter().map(|(id, run)| (*id, Arc::clone(run))).collect();
    if active.is_empty() {
        return Some(now);
    }
    let held = active.iter().map(|(run_id, run)| Held { run_id: *run_id, fence: run.fence }).collect();
    // The runs must not outlive their leases unnoticed.
    let patience = Duration::from_millis((inner.options.lease_ms / 3).max(100));
    match answered(patience, inner.store.extend(held, now, inner.lease())).await {
        Ok(outcomes) => {
            for ((_, run), outcome) in active.iter().zip(outcomes) {
                match outcome {
                    ExtendOutcome::Held => *run.lease_until.lock() = now + inner.lease(),
                    ExtendOutcome::CancelRequested => {
                        *run.lease_until.lock() = now + inner.lease();
                        run.stop(StopReason::Cancelled);
                    }
                    // It may have finished between the listing and the answer; stopping it then stops nothing.
                    ExtendOutcome::Lost => run.stop(StopReason::Lost),
                }
            }
            Some(now)
        }
        Err(error) => {
            tracing::error!(error = error.chain(), "the heartbeat failed");
            let now = inner.clock.now();
            for (id, run) in &active {
                if *run.lease_until.lock() <= now {
                    tracing::warn!(run_id = %id, "the lease ended without a heartbeat, the run is stopped");
                    run.stop(StopReason::LeaseEnded);
                }
            }
            None
        }
    }
}
