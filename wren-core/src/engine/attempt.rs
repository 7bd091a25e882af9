//! One attempt at one run, from claim to finish.

use std::sync::Arc;
use std::time::Duration;

use super::inner::{ActiveRun, Inner, StopReason};
use super::log_buffer::LogBuffer;
use super::verdict::{Ended, verdict};
use crate::error::{Error, ErrorClass, ErrorCode};
use crate::executor::{Executor, Invocation, Limits, LogSink, Script};
use crate::host::{RunContext, RunHost};
use crate::model::{Completion, DeploymentStatus, Isolation, LogLine, LogStream, Run, RunState};
use crate::store::{FinishOptions, Held, SetStatus};

/// Runs the attempt and records its end. Whatever happens, the run is not in the engine's list of active ones afterwards.
pub(super) async fn run(inner: Arc<Inner>, run: Run, active: Arc<ActiveRun>) {
    let id = run.id;
    let _listed = Listed { inner: Arc::clone(&inner), id };
    let held = Held { run_id: id, fence: active.fence };
    let logs = Arc::new(LogBuffer::new(Arc::clone(&inner.store), held, Arc::clone(&active)));

    let (ended, isolation) = execute(&inner, &run, &active, &logs).await;
    if active.stop_reason() == Some(StopReason::Lost) {
        tracing::warn!(run_id = %id, "the claim was lost, another worker has the run");
        return;
    }
    let now = inner.clock.now();
    let completion = verdict(&run, ended, active.stop_reason(), now, rand::random());
    if let Completion::Retry { error, not_before, .. } = &completion {
        let text = format!("attempt {} failed with {}; the next starts at {not_before}", run.attempt, error.code);
        logs.write(vec![LogLine { at: now, stream: LogStream::System, text }]).await;
    }
    finish(&inner, held, completion, isolation, &logs, &active).await;
}

/// Takes the run off the list however the attempt ends, a panic included.
struct Listed {
    inner: Arc<Inner>,
    id: crate::id::RunId,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.inner.active.lock().remove(&self.id);
        self.inner.run_changed.notify_waiters();
    }
}

async fn execute(inner: &Inner, run: &Run, active: &ActiveRun, logs: &Arc<LogBuffer>) -> (Ended, Option<Isolation>) {
    let (invocation, executor) = match prepare(inner, run).await {
        Ok(prepared) => prepared,
        Err(error) => return (Ended::Unable(error), None),
    };
    let host = RunHost::new(Arc::clone(&inner.host), Arc::clone(&invocation.context));
    let sink = Arc::clone(logs) as Arc<dyn LogSink>;
    let running = executor.run(invocation, host, sink, active.cancel.clone());
    tokio::pin!(running);
    let mut flush = tokio::time::interval(Duration::from_millis(inner.options.log_flush_ms.max(10)));
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut running => break outcome,
            _ = flush.tick() => logs.flush().await,
        }
    };
    match outcome {
        Ok(outcome) => (Ended::Script(outcome.end), Some(outcome.isolation)),
        Err(error) => (Ended::Unable(error), None),
    }
}

async fn prepare(inner: &Inner, run: &Run) -> Result<(Invocation, Arc<dyn Executor>), Error> {
    let revision = inner.revisions.load(&*inner.store, run).await?;
    let settings = &revision.settings;
    let executor = match &settings.executor {
        None => inner.rules.executors.first(),
        Some(name) => inner.rules.executors.iter().find(|executor| executor.name() == name),
    };
    let executor = executor.ok_or_else(|| {
        let name = settings.executor.as_deref().unwrap_or("default");
        Error::new(ErrorCode::ExecutorUnavailable, format!("this engine has no executor `{name}`"))
    })?;
    let script = Script::new(Arc::clone(&revision.source)).with_settings(settings.clone());
    let context = RunContext::of(run, revision.deployment_name.as_str(), revision.timezone(&run.func));
    let defaults = inner.options.limits;
    let limits = Limits {
        timeout_ms: run.policy.timeout_ms,
        memory_bytes: settings.memory_bytes.unwrap_or(defaults.memory_bytes),
        ..defaults
    };
    let invocation = Invocation::new(script, Arc::new(context)).with_event(run.payload.clone()).with_limits(limits);
    Ok((invocation, Arc::clone(executor)))
}

/// Writes the end, again and again until the store takes it or the claim is lost.
async fn finish(
    inner: &Inner,
    held: Held,
    completion: Completion,
    isolation: Option<Isolation>,
    logs: &LogBuffer,
    active: &ActiveRun,
) {
    let lines = logs.take().await;
    let mut failures = 0;
    loop {
        let options = FinishOptions {
            held,
            completion: completion.clone(),
            isolation: isolation.clone(),
            logs: lines.clone(),
            now: inner.clock.now(),
        };
        match inner.store.finish(options).await {
            Ok(run) => {
                report(inner, &run).await;
                if run.state == RunState::Queued {
                    inner.work.notify_one();
                }
                return;
            }
            Err(error) if error.code() == ErrorCode::Conflict => {
                tracing::warn!(run_id = %held.run_id, "the claim was lost before the end could be recorded");
                return;
            }
            Err(error) => {
                tracing::error!(run_id = %held.run_id, error = error.chain(), "recording the end failed, trying again");
                if active.stop_reason() == Some(StopReason::Lost) {
                    return;
                }
                inner.back_off(failures).await;
                failures += 1;
            }
        }
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
    let Some(error) = run
        .error
        .as_ref()
        .filter(|error| run.state == RunState::Failed && error.class == ErrorClass::UserFacingConfigError)
    else {
        return;
    };
    let change = SetStatus {
        status: DeploymentStatus::NeedsAttention,
        reason: Some(error.message.clone()),
        action_url: error.action_url.clone(),
        now: inner.clock.now(),
    };
    if let Err(error) = park(inner, run, change).await {
        tracing::error!(deployment_id = %run.deployment_id, error = error.chain(), "marking the deployment failed");
    }
}

async fn park(inner: &Inner, run: &Run, change: SetStatus) -> Result<(), Error> {
    let now = inner.store.deployment(&run.owner, run.deployment_id).await?.deployment;
    // A user who paused or removed it meanwhile has the last word; so has a newer revision.
    if now.status == DeploymentStatus::Active && now.revision == run.revision {
        inner.store.set_status(&run.owner, run.deployment_id, change).await?;
    }
    Ok(())
}
