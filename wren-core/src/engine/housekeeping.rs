//! What has to be done now and then: rescue of orphans, pauses that end, retention, expired records.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::heartbeat::beat;
use super::inner::{Inner, millis};
use crate::error::Result;
use crate::model::{DeploymentStatus, RunState};
use crate::store::{Namespace, PutOptions, SetStatus, StatusGuard};

/// How many runs one rescue or one deletion takes at most, so that no transaction is long.
const BATCH: usize = 500;
/// How far apart the clocks of nodes may be that say when runs ended: so much is looked at again for logs to delete.
const LOG_MARGIN: TimeDelta = TimeDelta::hours(1);
/// The wait between two deletions, in milliseconds: while there is more to delete, and when there is not.
const PURGE_MORE_MS: u64 = 200;
const PURGE_AGAIN_MS: u64 = 5 * 60 * 1000;
/// The wait between two looks for pauses that have ended, in milliseconds: what was queued before waits no longer than this.
const RESUME_MS: u64 = 1_000;

/// Rescues and cleans until `shutdown`. The two do not wait for each other.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    let rescuing = async {
        loop {
            // First thing after a start: what the process before left behind may be waiting.
            if let Err(error) = rescue(&inner, &shutdown).await {
                tracing::error!(error = error.chain(), "rescuing orphaned runs failed");
            }
            inner.pause((inner.options.lease_ms / 3).min(5_000)).await;
        }
    };
    let purging = async {
        let mut logs = None;
        loop {
            let more = purge(&inner, &mut logs).await.unwrap_or_else(|error| {
                tracing::error!(error = error.chain(), "deleting what has expired failed");
                false
            });
            inner.pause(if more { PURGE_MORE_MS } else { PURGE_AGAIN_MS }).await;
        }
    };
    let resuming = async {
        loop {
            if let Err(error) = resume(&inner).await {
                tracing::error!(error = error.chain(), "ending pauses failed");
            }
            inner.pause(RESUME_MS).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = rescuing => {}
        () = purging => {}
        () = resuming => {}
    }
}

/// Makes deployments active whose pause has ended. Due times since then were queued without waiting for that.
async fn resume(inner: &Inner) -> Result<()> {
    let now = inner.clock.now();
    for deployment in inner.store.ended_pauses(now, BATCH).await? {
        let change = SetStatus {
            status: DeploymentStatus::Active,
            reason: None,
            action_url: None,
            paused_until: None,
            // Who pauses it anew, or resumes it, has the last word.
            only_if: Some(StatusGuard::of(&deployment)),
            now,
        };
        inner.store.set_status(&deployment.owner, deployment.id, change).await?;
        tracing::info!(deployment_id = %deployment.id, "a pause has ended");
        inner.more_work();
    }
    Ok(())
}

async fn rescue(inner: &Inner, shutdown: &CancellationToken) -> Result<()> {
    while !shutdown.is_cancelled() {
        // After a suspend, or a clock that jumped, every lease looks ended, those of this engine's own healthy runs too.
        // So the instant of the heartbeat counts, not what the clock shows after it.
        let Some(now) = beat(inner).await else { return Ok(()) };
        let rescued = inner.store.rescue_expired(now, BATCH).await?;
        for run in &rescued {
            tracing::warn!(
                run_id = %run.id,
                deployment_id = %run.deployment_id,
                correlation_id = %run.correlation_id,
                state = run.state.as_str(),
                orphaned = run.orphaned,
                "an orphaned run was rescued"
            );
        }
        if rescued.iter().any(|run| run.state == RunState::Queued) {
            inner.more_work();
        }
        for run in &rescued {
            inner.run_changes.of(run.id);
        }
        if rescued.len() < BATCH {
            return Ok(());
        }
    }
    Ok(())
}

/// Deletes one batch of each kind; says whether there may be more. `logs` is how far the deletion of logs has come.
async fn purge(inner: &Inner, logs: &mut Option<DateTime<Utc>>) -> Result<bool> {
    let now = inner.clock.now();
    let runs = match inner.options.retention_ms {
        Some(retention) => inner.store.prune(now - millis(retention), BATCH).await?,
        None => 0,
    };
    let more_logs = match inner.options.log_retention_ms {
        Some(retention) => prune_logs(inner, now - millis(retention), logs).await?,
        None => false,
    };
    let records = inner.store.purge_records(now, BATCH).await?;
    Ok(runs == BATCH || records == BATCH || more_logs)
}

/// Deletes one batch of logs; says whether there may be more. A record says until when all are deleted, so that nobody looks at the
/// runs before that again, and `reached` until when those are that one batch after the other has deleted.
async fn prune_logs(inner: &Inner, before: DateTime<Utc>, reached: &mut Option<DateTime<Utc>>) -> Result<bool> {
    let (space, key, now) = (Namespace::system("retention"), "logs", inner.clock.now());
    let known = inner.store.record(&space, key, now).await?;
    let since = known.and_then(|record| DateTime::parse_from_rfc3339(std::str::from_utf8(&record.value).ok()?).ok());
    // A clock that was ahead may have written a time to come, before which runs end now.
    let since = since.map(|at| at.to_utc()).filter(|since| *since <= now);
    *reached = inner.store.prune_logs((*reached).max(since), before, BATCH).await?.next;
    if reached.is_some() {
        return Ok(true);
    }
    let until = before - LOG_MARGIN;
    if since.is_none_or(|since| since < until) {
        inner.store.put_record(&space, key, Bytes::from(until.to_rfc3339()), PutOptions::at(now)).await?;
    }
    Ok(false)
}
