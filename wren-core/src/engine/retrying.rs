//! Running again what has run.

use super::{Engine, quotas, spans};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{CorrelationId, OwnerId, RunId};
use crate::model::{FireKey, Run};
use crate::store::EnqueueRun;

/// How to run a run again.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RetryRun {
    /// A second request with the same key for the same run returns the first one's run.
    pub idempotency_key: Option<String>,
    /// Follows the new run through logs and host calls; made anew without it.
    pub correlation_id: Option<CorrelationId>,
}

impl RetryRun {
    /// Sets the idempotency key.
    #[must_use]
    pub fn idempotency_key(mut self, key: Option<String>) -> Self {
        self.idempotency_key = key;
        self
    }

    /// Sets the correlation id.
    #[must_use]
    pub fn correlation_id(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }
}

impl Engine {
    /// Queues a run that repeats one that has ended, however it did: the same function with the same event, on the revision
    /// that the run was pinned to, under the same policy. Who mended the script since wants
    /// [`run_now`](Self::run_now), which runs the current one.
    ///
    /// It is a run of its own, [which names the other](Run::retry_of): asked for by hand, due now, run also while the
    /// deployment is paused, and with an idempotency key of its own for the script. The run that it repeats stays as it is.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` when the run has not ended, or its deployment is undeployed; `QUOTA_EXCEEDED` when the owner's
    /// quota of runs a day is used up.
    pub async fn retry(&self, owner: &OwnerId, id: RunId, request: RetryRun) -> Result<Run> {
        let inner = &self.inner;
        let (run, _) = inner.store.run(owner, id).await?;
        if !run.state.is_terminal() {
            let message = format!("run {id} has not ended: it is {}", run.state.as_str());
            return Err(Error::new(ErrorCode::Conflict, message).with_hint("wait for its end, or cancel it first"));
        }
        let run_id = RunId::new();
        // Without one of the caller's the name is new, and there cannot have been a request with it.
        let may_repeat = request.idempotency_key.is_some();
        let name = request.idempotency_key.unwrap_or_else(|| run_id.to_string());
        let enqueue = EnqueueRun {
            run_id,
            deployment_id: run.deployment_id,
            revision: Some(run.revision),
            func: run.func,
            payload: run.payload,
            policy: run.policy,
            idempotency_key: Some(FireKey::of_retry(id, &name)),
            only_existing: false,
            correlation_id: request.correlation_id.unwrap_or_else(CorrelationId::generate),
            now: inner.clock.now(),
        };
        let retry = quotas::enqueue(inner, owner, enqueue, may_repeat).await?;
        if retry.id == run_id {
            spans::asked_for(inner, &retry);
        }
        inner.more_work();
        inner.run_changes.of(retry.id);
        Ok(retry)
    }
}
