//! What has to be done now and then: rescue of orphans, retention, expired records.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::inner::{Inner, millis};
use crate::error::Result;
use crate::model::RunState;

/// How many runs one rescue or one deletion takes at most, so that no transaction is long.
const BATCH: usize = 500;
/// How many rounds of rescue lie between two rounds of deletion.
const ROUNDS_PER_PURGE: u32 = 60;

/// Rescues and cleans until `shutdown`.
pub(super) async fn run(inner: Arc<Inner>, shutdown: CancellationToken) {
    let mut round = 0u32;
    while !shutdown.is_cancelled() {
        // Rescue comes first after a start: what the process before left behind may be waiting.
        if let Err(error) = rescue(&inner).await {
            tracing::error!(error = error.chain(), "rescuing orphaned runs failed");
        }
        if round.is_multiple_of(ROUNDS_PER_PURGE)
            && let Err(error) = purge(&inner).await
        {
            tracing::error!(error = error.chain(), "deleting what has expired failed");
        }
        round = round.wrapping_add(1);
        let next = inner.clock.now() + millis((inner.options.lease_ms / 3).min(5_000));
        tokio::select! {
            () = inner.clock.sleep_until(next) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn rescue(inner: &Inner) -> Result<()> {
    loop {
        let rescued = inner.store.rescue_expired(inner.clock.now(), BATCH).await?;
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
            inner.work.notify_one();
        }
        if !rescued.is_empty() {
            inner.run_changed.notify_waiters();
        }
        if rescued.len() < BATCH {
            return Ok(());
        }
    }
}

async fn purge(inner: &Inner) -> Result<()> {
    let now = inner.clock.now();
    if let Some(retention) = inner.options.retention_ms {
        while inner.store.prune(now - millis(retention), BATCH).await? == BATCH {}
    }
    while inner.store.purge_records(now, BATCH).await? == BATCH {}
    Ok(())
}
