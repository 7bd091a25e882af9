//! Asking for runs, reading and cancelling them.

use std::time::Duration;

use serde_json::Value;

use super::inner::StopReason;
use super::verdict::cancelled;
use super::{Engine, quotas, spans};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId};
use crate::model::{Attempt, LogEntry, Page, Run, RunPolicy, RunState};
use crate::store::{EnqueueRun, ListRuns};

/// How long a watcher waits before it looks again unasked: other workers' changes wake nobody here.
const WATCH: Duration = Duration::from_millis(500);

/// What to run now.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunNow {
    /// The function; the first one with a trigger, or the first one, without it.
    pub func: Option<String>,
    /// The event handed to the function.
    pub event: Option<Value>,
    /// A second request with the same key returns the first one's run.
    pub idempotency_key: Option<String>,
    /// Follows the run through logs and host calls; made anew without it.
    pub correlation_id: Option<CorrelationId>,
}

impl RunNow {
    /// Sets the function.
    #[must_use]
    pub fn func(mut self, func: Option<String>) -> Self {
        self.func = func;
        self
    }

    /// Sets the event.
    #[must_use]
    pub fn event(mut self, event: Option<Value>) -> Self {
        self.event = event;
        self
    }

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
    /// Queues a manual run of a deployment's current revision, also while it is paused.
    ///
    /// # Errors
    /// `NOT_FOUND` for the deployment, `FUNCTION_NOT_FOUND` for the function, `CONFLICT` when it is undeployed,
    /// `QUOTA_EXCEEDED` when the owner's quota of runs a day is used up.
    pub async fn run_now(&self, owner: &OwnerId, id: DeploymentId, request: RunNow) -> Result<Run> {
        let inner = &self.inner;
        let deployment = inner.store.deployment(owner, id).await?.deployment;
        let manifest = inner.store.revision(owner, id, deployment.revision).await?.manifest;
        let first = manifest.triggers.first().map(|trigger| &trigger.func).or(manifest.functions.first());
        let func = match request.func.as_ref().or(first) {
            Some(func) if manifest.functions.contains(func) => func.clone(),
            other => {
                let func = other.map_or("", String::as_str);
                let hint = crate::suggest::nearest(func, manifest.functions.iter().map(String::as_str)).map_or_else(
                    || format!("the script defines {}", manifest.functions.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("the script defines no function `{func}`");
                return Err(Error::new(ErrorCode::FunctionNotFound, message).with_hint(hint));
            }
        };
        // The function's own trigger says how it is to be run.
        let policy = manifest.triggers.iter().find(|trigger| trigger.func == func).map_or_else(
            || RunPolicy {
                timeout_ms: manifest.settings.timeout_ms.unwrap_or(inner.options.limits.timeout_ms),
                ..RunPolicy::default()
            },
            |trigger| trigger.policy.clone(),
        );
        let run_id = RunId::new();
        let enqueue = EnqueueRun {
            run_id,
            deployment_id: id,
            revision: None,
            func,
            payload: request.event,
            policy,
            idempotency_key: request.idempotency_key,
            only_existing: false,
            correlation_id: request.correlation_id.unwrap_or_else(CorrelationId::generate),
            now: inner.clock.now(),
        };
        let may_repeat = enqueue.idempotency_key.is_some();
        let run = quotas::enqueue(inner, owner, enqueue, may_repeat).await?;
        if run.id == run_id {
            spans::asked_for(inner, &run);
        }
        inner.more_work();
        inner.run_changes.of(run.id);
        Ok(run)
    }

    /// Returns a run with its attempts.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn run_with_attempts(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)> {
        self.inner.store.run(owner, id).await
    }

    /// Lists runs, latest first.
    ///
    /// # Errors
    /// `NOT_FOUND` when a deployment is named that the owner does not have; `INVALID_REQUEST` for a foreign page cursor.
    pub async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>> {
        if let Some(id) = options.deployment_id {
            self.inner.store.deployment(owner, id).await?;
        }
        self.inner.store.runs(owner, options).await
    }

    /// Returns log entries of a run with a `seq` above `after_seq`, at most `limit`.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.inner.store.logs(owner, id, after_seq, limit).await
    }

    /// Cancels a run: a queued one at once, a running one as soon as its worker hears of it.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` when it has ended.
    pub async fn cancel(&self, owner: &OwnerId, id: RunId) -> Result<Run> {
        let inner = &self.inner;
        let run = inner.store.request_cancel(owner, id, cancelled(), inner.clock.now()).await?;
        if run.state == RunState::Running {
            let active = inner.active.lock().get(&id).cloned();
            match active {
                Some(active) => active.stop(StopReason::Cancelled),
                // It may be between its claim and the list: the next heartbeat brings the word.
                None => inner.look_for_cancelled(),
            }
        } else {
            // A serial successor may have waited for it.
            inner.more_work();
        }
        inner.run_changes.of(id);
        Ok(run)
    }

    /// Waits until some run of this engine changes, or for half a second: whoever watches runs reads them again then.
    pub async fn run_changed(&self) {
        let _ = tokio::time::timeout(WATCH, self.inner.run_changes.next()).await;
    }

    /// Waits until a run has ended and returns it. A run of another worker is noticed within half a second.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn wait_for(&self, owner: &OwnerId, id: RunId) -> Result<Run> {
        loop {
            // Registered before the read: a change between the two wakes it, too.
            let changed = self.inner.run_changes.next();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (run, _) = self.inner.store.run(owner, id).await?;
            if run.state.is_terminal() {
                return Ok(run);
            }
            let _ = tokio::time::timeout(WATCH, changed).await;
        }
    }
}
