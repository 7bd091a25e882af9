//! One run of one script, as the cases write it.

use std::sync::Arc;

use chrono::DateTime;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, Inspection, Invocation, Limits, MemoryLogSink, OutcomeEnd, Script};
use wren_core::host::{RunContext, RunHost};
use wren_core::model::{Isolation, LogLine, LogStream, ScriptSettings, TriggerKind};
use wren_core::{CorrelationId, DeploymentId, Error, OwnerId, Result, RunId};

use super::host::ScriptedHost;

/// A script to run with function `main`, and how.
#[derive(Debug, Clone)]
pub struct Trial {
    script: String,
    func: String,
    event: Option<Value>,
    limits: Limits,
    settings: ScriptSettings,
    cancel: CancellationToken,
    host: Arc<ScriptedHost>,
}

/// What became of a trial.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub end: OutcomeEnd,
    /// What it printed.
    pub lines: Vec<LogLine>,
    /// The isolation it had.
    pub isolation: Isolation,
}

impl Trial {
    /// Makes a trial with a timeout of thirty seconds: more than any script here needs on a busy machine.
    #[must_use]
    pub fn new(script: &str) -> Self {
        Self {
            script: script.to_owned(),
            func: "main".to_owned(),
            event: None,
            limits: Limits { timeout_ms: 30_000, ..Limits::default() },
            settings: ScriptSettings::default(),
            cancel: CancellationToken::new(),
            host: Arc::new(ScriptedHost::default()),
        }
    }

    /// Sets the function.
    #[must_use]
    pub fn func(mut self, func: &str) -> Self {
        self.func = func.to_owned();
        self
    }

    /// Sets the event.
    #[must_use]
    pub fn event(mut self, event: Value) -> Self {
        self.event = Some(event);
        self
    }

    /// Changes the limits.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Sets the script's settings.
    #[must_use]
    pub fn settings(mut self, settings: ScriptSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets what cancels it.
    #[must_use]
    pub fn cancel(mut self, cancel: &CancellationToken) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Returns the host that answers it.
    #[must_use]
    pub fn host(&self) -> Arc<ScriptedHost> {
        Arc::clone(&self.host)
    }

    /// Runs it.
    ///
    /// # Panics
    /// When the executor itself cannot do its work.
    pub async fn run(self, executor: &Arc<dyn Executor>) -> Ran {
        self.run_into(executor, Arc::new(MemoryLogSink::default())).await
    }

    /// Runs it, with a sink that the caller can look into meanwhile.
    ///
    /// # Panics
    /// When the executor itself cannot do its work.
    pub async fn run_into(self, executor: &Arc<dyn Executor>, logs: Arc<MemoryLogSink>) -> Ran {
        self.try_run_into(executor, logs).await.unwrap()
    }

    /// Runs it, with a sink that the caller can look into meanwhile.
    ///
    /// # Errors
    /// Whatever the executor says when it cannot do its work.
    pub async fn try_run_into(self, executor: &Arc<dyn Executor>, logs: Arc<MemoryLogSink>) -> Result<Ran> {
        let context = Arc::new(context(&self.func));
        let script = Script::new(self.script).with_settings(self.settings);
        let invocation = Invocation::new(script, Arc::clone(&context)).with_event(self.event).with_limits(self.limits);
        let host = RunHost::new(self.host, context);
        let outcome = executor.run(invocation, host, logs.clone(), self.cancel).await?;
        Ok(Ran { end: outcome.end, lines: logs.lines(), isolation: outcome.isolation })
    }
}

impl Ran {
    /// Returns the result.
    ///
    /// # Panics
    /// When the run did not succeed.
    #[track_caller]
    #[must_use]
    pub fn value(self) -> Value {
        match self.end {
            OutcomeEnd::Success(value) => value,
            other => panic!("the run ended as {other:?} and printed {:#?}", self.lines),
        }
    }

    /// Returns the error.
    ///
    /// # Panics
    /// When the run did not fail.
    #[track_caller]
    #[must_use]
    pub fn error(self) -> Error {
        match self.end {
            OutcomeEnd::Failed(error) => error,
            other => panic!("the run ended as {other:?} and printed {:#?}", self.lines),
        }
    }

    /// Returns the texts of all lines of the script, without the platform's.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.lines.iter().filter(|line| line.stream != LogStream::System).map(|line| line.text.as_str()).collect()
    }

    /// Returns the texts of the platform's lines.
    #[must_use]
    pub fn notes(&self) -> Vec<&str> {
        self.lines.iter().filter(|line| line.stream == LogStream::System).map(|line| line.text.as_str()).collect()
    }
}

/// Inspects a script within thirty seconds.
///
/// # Panics
/// When the executor itself cannot do its work.
pub async fn inspect(executor: &Arc<dyn Executor>, script: &str) -> Inspection {
    inspect_within(executor, script, 30_000).await
}

/// Inspects a script within some milliseconds.
///
/// # Panics
/// When the executor itself cannot do its work.
pub async fn inspect_within(executor: &Arc<dyn Executor>, script: &str, timeout_ms: u64) -> Inspection {
    let limits = Limits { timeout_ms, ..Limits::default() };
    executor.inspect(&Script::new(script), &limits).await.unwrap()
}

/// Returns the context of the suite's runs.
pub(crate) fn context(func: &str) -> RunContext {
    let run_id = RunId::new();
    RunContext {
        run_id,
        owner: OwnerId::new("ada").unwrap(),
        deployment_id: DeploymentId::new(),
        deployment_name: "suite".to_owned(),
        revision: 3,
        trigger: TriggerKind::Manual,
        trigger_id: None,
        func: func.to_owned(),
        scheduled_for: DateTime::from_timestamp(1_772_366_400, 0).unwrap(),
        attempt: 2,
        idempotency_key: run_id.to_string(),
        correlation_id: CorrelationId::new("corr_suite").unwrap(),
        timezone: "Europe/Dublin".to_owned(),
        secrets: wren_core::redact::RunSecrets::default(),
    }
}
