//! The end of an attempt reaches the store.

use super::attention::{only_the_user_can_mend, park};
use super::inner::{ActiveRun, Inner, PATIENCE, StopReason, answered};
use super::log_buffer::LogBuffer;
use crate::error::{Error, ErrorCode, WireError};
use crate::model::{Completion, Isolation, Run, RunState};
use crate::store::{FinishOptions, Held};

/// How often a store may refuse an end before a plainer one is tried.
const TRIES: u32 = 3;

/// Writes the end, again and again until the store takes it or says that the claim is lost.
///
/// That the lease has ended meanwhile is no reason to stop: as long as nobody took the run, the result counts. Returns the run as
/// it is then.
pub(super) async fn finish(
    inner: &Inner,
    held: Held,
    completion: Completion,
    isolation: Option<Isolation>,
    logs: &LogBuffer,
    active: &ActiveRun,
) -> Option<Run> {
    let mut options = FinishOptions { held, completion, isolation, logs: logs.take().await, now: inner.clock.now() };
    let (mut failures, mut refusals) = (0, 0);
    loop {
        options.now = inner.clock.now();
        let error = match answered(PATIENCE, inner.store.finish(options.clone())).await {
            Ok(run) => {
                report(inner, &run).await;
                // A retry waits for its time, a serial successor or a full deployment for this one.
                inner.work.notify_one();
                return Some(run);
            }
            Err(error) => error,
        };
        if error.code() == ErrorCode::Conflict {
            tracing::warn!(run_id = %held.run_id, "the claim was lost before the end could be recorded");
            return None;
        }
        tracing::error!(run_id = %held.run_id, error = error.chain(), "recording the end failed, trying again");
        if active.stop_reason() == Some(StopReason::Lost) {
            return None;
        }
        if !error.retryable() {
            refusals += 1;
            if refusals == TRIES {
                // Something in it cannot be stored. A run must end all the same.
                let plain = Error::internal("the run's result or its last lines could not be stored", error);
                options.completion = Completion::Failed(WireError::from(&plain));
                options.logs = Vec::new();
            } else if refusals == 2 * TRIES {
                return None;
            }
        }
        inner.back_off(failures).await;
        failures += 1;
    }
}

/// Logs the end, and parks the deployment when only its user can help.
async fn report(inner: &Inner, run: &Run) {
    tracing::info!(
        run_id = %run.id,
        deployment_id = %run.deployment_id,
        correlation_id = %run.correlation_id,
        state = run.state.as_str(),
        attempt = run.attempt,
        code = run.error.as_ref().map(|error| error.code.as_str()),
        "attempt ended"
    );
    let Some(error) = run.error.as_ref() else { return };
    if run.state == RunState::Failed
        && only_the_user_can_mend(error)
        && let Err(error) = park(inner, run, error).await
    {
        tracing::error!(deployment_id = %run.deployment_id, error = error.chain(), "marking the deployment failed");
    }
}
