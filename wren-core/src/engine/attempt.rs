//! One attempt at one run, from claim to finish.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::finishing::finish;
use super::inner::{ActiveRun, Inner, StopReason};
use super::log_buffer::LogBuffer;
use super::log_quota::LogQuota;
use super::observed_host::ObservedHost;
use super::verdict::{Ended, verdict};
use super::{measures, spans};
use crate::error::{Error, ErrorCode};
use crate::executor::{Executor, Invocation, Limits, LogSink, OutcomeEnd};
use crate::host::{RunContext, RunHost};
use crate::id::RunId;
use crate::model::{Completion, FireKey, Isolation, LogLine, LogStream, Run};
use crate::redact::RunSecrets;
use crate::store::Held;
use crate::trace::SpanContext;

/// How long an executor may take to end a run at its timeout or its cancellation. The contract says two seconds; after this
/// its future is dropped, which ends the run, too.
const OVERRUN: Duration = Duration::from_secs(5);

/// Runs the attempt and records its end. Whatever happens, it is not in the engine's list of active ones afterwards.
pub(super) async fn run(inner: Arc<Inner>, run: Run, active: Arc<ActiveRun>) {
    let id = run.id;
    let _listed = Listed { inner: Arc::clone(&inner), id, active: Arc::clone(&active) };
    let held = Held { run_id: id, fence: active.fence };
    let secrets = RunSecrets::default();
    let quota = LogQuota::new(Arc::clone(&inner), run.owner.clone());
    let logs = Arc::new(LogBuffer::new(&inner, held, Arc::clone(&active), secrets.clone(), quota));

    let began = inner.clock.now();
    measures::started(&run, began);
    let (ended, isolation, span) = execute(&inner, &run, &active, &logs, &secrets).await;
    if active.stop_reason() == Some(StopReason::Lost) {
        tracing::warn!(run_id = %id, "the claim was lost, another worker has the run");
        return;
    }
    let now = inner.clock.now();
    let mut completion = verdict(&run, ended, active.stop_reason(), now, rand::random());
    redact(&mut completion, &secrets);
    if let Completion::Retry { error, not_before, .. } = &completion {
        let text = format!("attempt {} failed with {}; the next starts at {not_before}", run.attempt, error.code);
        logs.write(vec![LogLine { at: now, stream: LogStream::System, text }]).await;
    }
    let executor = isolation.as_ref().map_or("none", |isolation| isolation.executor.as_str()).to_owned();
    if let Some(run) = finish(&inner, held, completion, isolation, &logs, &active).await {
        measures::ended(&run, &executor, now - began);
        spans::attempted(&inner, &run, span, &executor, began..now);
    }
}

/// Takes the run's secrets out of what is recorded of its end.
fn redact(completion: &mut Completion, secrets: &RunSecrets) {
    match completion {
        Completion::Success(value) => secrets.redact_json(value),
        Completion::Failed(error)
        | Completion::Timeout(error)
        | Completion::Cancelled(error)
        | Completion::Retry { error, .. } => secrets.redact_error(error),
        Completion::Release { .. } => {}
    }
}

/// Takes the attempt off the list however it ends, a panic included.
struct Listed {
    inner: Arc<Inner>,
    id: RunId,
    active: Arc<ActiveRun>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut listed = self.inner.active.lock();
        // After a lost lease the next attempt of the same run may be listed here already.
        if listed.get(&self.id).is_some_and(|other| Arc::ptr_eq(other, &self.active)) {
            listed.remove(&self.id);
        }
        drop(listed);
        self.inner.run_changes.of(self.id);
    }
}

async fn execute(
    inner: &Inner,
    run: &Run,
    active: &ActiveRun,
    logs: &Arc<LogBuffer>,
    secrets: &RunSecrets,
) -> (Ended, Option<Isolation>, Option<SpanContext>) {
    let prepared = tokio::select! {
        prepared = prepare(inner, run, secrets) => prepared,
        // A store that hangs must not keep a run from ending.
        () = active.cancel.cancelled() => Err(Error::new(ErrorCode::StoreUnavailable, "the script was not read in time")),
    };
    let (invocation, executor, is_first_due) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            spans::fired(inner, run, false);
            return (Ended::NotStarted(error), None, spans::of_attempt(inner, run, false));
        }
    };
    let span = spans::of_attempt(inner, run, is_first_due);
    spans::fired(inner, run, is_first_due);
    let timeout = Duration::from_millis(invocation.limits.timeout_ms);
    let isolation = executor.isolation();
    let host = ObservedHost::new(inner, span);
    let host = RunHost::new(Arc::new(host), Arc::clone(&invocation.context));
    let sink = Arc::clone(logs) as Arc<dyn LogSink>;

    // The executor's future and the flushing go on side by side: the executor may be waiting in its sink for the very
    // append that a flush waits behind.
    let ended = CancellationToken::new();
    let flushing = async {
        let mut ticks = interval(Duration::from_millis(inner.options.log_flush_ms.max(10)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = ended.cancelled() => return,
            }
            logs.flush().await;
        }
    };
    let running = async {
        let outcome = tokio::select! {
            biased;
            outcome = executor.run(invocation, host, sink, active.cancel.clone()) => match outcome {
                Ok(outcome) => (Ended::Script(outcome.end), Some(outcome.isolation)),
                Err(error) => (Ended::Broke(error), None),
            },
            end = overrun(timeout, &active.cancel) => {
                tracing::error!(run_id = %run.id, executor = executor.name(), "the executor did not end a run in time");
                (Ended::Script(end), Some(isolation))
            }
        };
        ended.cancel();
        outcome
    };
    let (ended, isolation) = tokio::join!(running, flushing).0;
    (ended, isolation, span)
}

/// Ends when an executor should have ended a run long ago, with what it should have said.
async fn overrun(timeout: Duration, cancel: &CancellationToken) -> OutcomeEnd {
    tokio::select! {
        () = sleep(timeout.saturating_add(OVERRUN)) => OutcomeEnd::Timeout,
        () = async {
            cancel.cancelled().await;
            sleep(OVERRUN).await;
        } => OutcomeEnd::Cancelled,
    }
}

/// Returns what to run and in what, and whether the run is the first of its schedule since the deploy.
async fn prepare(
    inner: &Inner,
    run: &Run,
    secrets: &RunSecrets,
) -> Result<(Invocation, Arc<dyn Executor>, bool), Error> {
    let revision = inner.revisions.load(&*inner.store, run).await?;
    let settings = &revision.script.settings;
    let executor = inner.rules.executor(settings.executor.as_deref()).ok_or_else(|| {
        let name = settings.executor.as_deref().unwrap_or("default");
        Error::new(ErrorCode::ExecutorUnavailable, format!("this engine has no executor `{name}`"))
    })?;
    let mut context = RunContext::of(run, revision.deployment_name.as_str(), revision.timezone(&run.func));
    context.secrets = secrets.clone();
    let defaults = inner.options.limits;
    let limits = Limits {
        timeout_ms: run.policy.timeout_ms,
        memory_bytes: settings.memory_bytes.unwrap_or(defaults.memory_bytes),
        ..defaults
    };
    let invocation =
        Invocation::new(revision.script.clone(), Arc::new(context)).with_event(run.payload.clone()).with_limits(limits);
    let is_first_due = match run.key {
        FireKey::Scheduled(at) => revision.is_first_due(&run.func, at),
        FireKey::Event(_) => false,
    };
    Ok((invocation, Arc::clone(executor), is_first_due))
}
