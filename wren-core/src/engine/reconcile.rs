//! Mends the plan where it differs from the store.
//!
//! The planner is filled at the start and follows this engine's deploys. What it does not hear of (another process on the same
//! store, a deploy whose answer was lost) would be a schedule that is silently dead: so the store's triggers are read again
//! and again, and whatever is missing, outdated or left over is mended, with a line in the log.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::inner::{Inner, millis};
use crate::error::Result;
use crate::model::Trigger;

/// How many triggers are read at once.
const SCAN: usize = 1_000;
/// How long a due time may be on its way from the planner to the store before it is held to be lost, in milliseconds.
const IN_FLIGHT_MS: u64 = 30_000;

/// Compares and mends until `shutdown`.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    let mut failures = 0;
    loop {
        // A difference that somebody knows of is no surprise.
        let expected = tokio::select! {
            () = inner.pause(inner.options.reconcile_ms) => false,
            () = inner.reconcile_now.notified() => true,
            // What a deploy left behind while the store was away must not wait for the regular time.
            () = inner.back_off(failures), if failures > 0 => true,
            () = shutdown.cancelled() => return,
        };
        tokio::select! {
            outcome = reconcile(&inner) => match outcome {
                Ok(mended) => {
                    failures = 0;
                    if expected {
                        tracing::debug!(mended, "the plan follows the store");
                    } else if mended > 0 {
                        tracing::warn!(mended, "the plan differed from the store and was mended");
                    }
                }
                Err(error) => {
                    failures += 1;
                    tracing::error!(error = error.chain(), "comparing the plan with the store failed, trying again");
                }
            },
            () = shutdown.cancelled() => return,
        }
    }
}

/// Returns how many entries of the plan were mended.
pub(super) async fn reconcile(inner: &Inner) -> Result<usize> {
    // What is planned during the scan may not be seen by it, and is not left over for that.
    let before: HashSet<u128> = inner.planned.read().keys().copied().collect();
    let mut seen = HashSet::with_capacity(before.len());
    let mut mended = 0;
    let mut after = None;
    loop {
        let page = inner.store.scan_triggers(after, SCAN).await?;
        let now = inner.clock.now();
        for trigger in page.iter().filter(|trigger| inner.shards.has_trigger(trigger.id)) {
            seen.insert(trigger.id.uuid().as_u128());
            if differs(inner, trigger, now) {
                tracing::debug!(trigger_id = %trigger.id, revision = trigger.revision, "planned anew from the store");
                inner.plan(trigger);
                mended += 1;
            }
        }
        if page.len() < SCAN {
            break;
        }
        after = page.last().map(|trigger| trigger.id);
        tokio::task::yield_now().await;
    }
    for key in before.difference(&seen) {
        inner.unplan(*key);
        mended += 1;
    }
    Ok(mended)
}

/// Says whether the plan is not what the stored trigger asks for.
fn differs(inner: &Inner, trigger: &Trigger, now: DateTime<Utc>) -> bool {
    let Some(wanted) = trigger.next_due() else { return false };
    let key = trigger.id.uuid().as_u128();
    let Some(revision) = inner.planned.read().get(&key).map(|planned| planned.revision) else { return true };
    if revision < trigger.revision {
        return true;
    }
    // A due time that has been popped and not recorded yet is on its way, for a while.
    let overdue = wanted + millis(IN_FLIGHT_MS) < now;
    overdue && inner.scheduler.next_due_of(key).is_none_or(|planned| planned > wanted)
}
