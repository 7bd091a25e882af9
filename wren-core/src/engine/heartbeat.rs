//! Keeps the claims of runs in progress, and learns who is to end.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::inner::{ActiveRun, Inner, StopReason, millis};
use crate::id::RunId;
use crate::store::{ExtendOutcome, Held};

/// Extends leases three times per lease until `done`.
pub(super) async fn run(inner: Arc<Inner>, done: CancellationToken) {
    loop {
        let next = inner.clock.now() + millis(inner.options.lease_ms / 3);
        tokio::select! {
            () = done.cancelled() => return,
            () = inner.clock.sleep_until(next) => {}
            () = inner.heartbeat_now.notified() => {}
        }
        let active: Vec<(RunId, Arc<ActiveRun>)> =
            inner.active.lock().iter().map(|(id, run)| (*id, Arc::clone(run))).collect();
        if !active.is_empty() {
            beat(&inner, &active).await;
        }
    }
}

async fn beat(inner: &Inner, active: &[(RunId, Arc<ActiveRun>)]) {
    let held = active.iter().map(|(run_id, run)| Held { run_id: *run_id, fence: run.fence }).collect();
    let now = inner.clock.now();
    match inner.store.extend(held, now, inner.lease()).await {
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
        }
        Err(error) => {
            tracing::error!(error = error.chain(), "the heartbeat failed");
            let now = inner.clock.now();
            for (id, run) in active {
                if *run.lease_until.lock() <= now {
                    tracing::warn!(run_id = %id, "the lease ended without a heartbeat, the run is stopped");
                    run.stop(StopReason::Lost);
                }
            }
        }
    }
}
