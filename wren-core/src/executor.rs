//! The `Executor` seam: where a script is inspected and run.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::host::{RunContext, RunHost};
use crate::model::{Isolation, LogLine, ScriptSettings, TriggerKind};

/// A script as an executor gets it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Script {
    /// The Python source.
    pub source: Arc<str>,
    /// The SHA-256 of the source, 64 lower-case hexadecimal digits: the key for anything cached per revision.
    pub sha256: Arc<str>,
    /// The name that tracebacks show.
    pub filename: Arc<str>,
    /// The script's own settings.
    pub settings: ScriptSettings,
}

impl Script {
    /// Makes a script named `script.py` with default settings.
    #[must_use]
    pub fn new(source: impl Into<Arc<str>>) -> Self {
        let source = source.into();
        let sha256 = crate::deploy::sha256_hex(&source).into();
        Self { source, sha256, filename: "script.py".into(), settings: ScriptSettings::default() }
    }

    /// Sets the script's settings.
    #[must_use]
    pub fn with_settings(mut self, settings: ScriptSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the name that tracebacks show.
    #[must_use]
    pub fn with_filename(mut self, filename: impl Into<Arc<str>>) -> Self {
        self.filename = filename.into();
        self
    }
}

/// What an executor allows a script, unless the script's settings ask for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of one attempt, in milliseconds.
    pub timeout_ms: u64,
    /// Memory of the whole process tree or instance, in bytes.
    pub memory_bytes: u64,
    /// All log text of one attempt, in bytes, each line counted as its text and 64 more; what comes after is dropped with a
    /// visible mark.
    pub log_bytes: usize,
    /// One log line, in bytes; the rest of the line is dropped with a visible mark.
    pub line_bytes: usize,
    /// The result as JSON, in bytes; a larger one fails the run with `OUTPUT_LIMIT`.
    pub result_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout_ms: 5 * 60 * 1000,
            memory_bytes: 256 * 1024 * 1024,
            log_bytes: 1024 * 1024,
            line_bytes: 64 * 1024,
            result_bytes: 1024 * 1024,
        }
    }
}

/// One attempt to run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Invocation {
    /// The script.
    pub script: Script,
    /// The function to call.
    pub func: String,
    /// What fired the run.
    pub trigger: TriggerKind,
    /// The event handed to the function.
    pub event: Option<Value>,
    /// What `wren.context()` shows.
    pub context: Arc<RunContext>,
    /// What the script may use.
    pub limits: Limits,
}

impl Invocation {
    /// Makes an invocation of a function without an event, under the default limits.
    #[must_use]
    pub fn new(script: Script, context: Arc<RunContext>) -> Self {
        Self {
            script,
            func: context.func.clone(),
            trigger: context.trigger,
            event: None,
            context,
            limits: Limits::default(),
        }
    }

    /// Sets the event handed to the function.
    #[must_use]
    pub fn with_event(mut self, event: Option<Value>) -> Self {
        self.event = event;
        self
    }

    /// Sets what the script may use.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Outcome {
    /// How the function ended.
    pub end: OutcomeEnd,
    /// The isolation the attempt really had.
    pub isolation: Isolation,
}

/// How the function ended.
#[derive(Debug)]
pub enum OutcomeEnd {
    /// It returned this.
    Success(Value),
    /// It raised, ended without a result, or broke a limit other than time.
    Failed(Error),
    /// It was ended at its timeout.
    Timeout,
    /// It was ended because `cancel` was.
    Cancelled,
}

/// Receives what a run prints. Waiting is the executor's back-pressure.
#[async_trait]
pub trait LogSink: fmt::Debug + Send + Sync + 'static {
    /// Takes lines, in order.
    async fn write(&self, lines: Vec<LogLine>);
}

/// How a handler may be called, as Python's `inspect.signature` sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerSignature {
    /// How many positional arguments it must get.
    pub required: u32,
    /// How many it takes at most; `None` with `*args`.
    pub max: Option<u32>,
    /// Keyword-only arguments without a default.
    #[serde(default)]
    pub required_keywords: Vec<String>,
}

/// A trigger as the SDK registered it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InspectedTrigger {
    /// The type, as the decorator says.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function's name.
    pub func: String,
    /// The decorator's line, from 1.
    pub line: u32,
    /// What was passed to the decorator.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// What is wrong with how the decorator was used.
    #[serde(default)]
    pub problems: Vec<String>,
    /// How the handler may be called.
    #[serde(default)]
    pub signature: HandlerSignature,
}

/// What importing a script without any capability showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The triggers it registered, in order.
    #[serde(default)]
    pub triggers: Vec<InspectedTrigger>,
    /// The integrations it imported.
    #[serde(default)]
    pub integrations: Vec<String>,
    /// Why the import failed, when it did.
    #[serde(default)]
    pub error: Option<crate::error::WireError>,
    /// The Python version that imported it.
    #[serde(default)]
    pub python: Option<String>,
}

/// Inspects and runs scripts in isolation.
///
/// # Contract
///
/// - A script that fails is an [`Outcome`] or an [`Inspection`] with an error, not an `Err`. `Err` means that the executor
///   itself could not do its work: `EXECUTOR_UNAVAILABLE`, or `INTERNAL`.
/// - Nothing of a run survives it, neither process nor file nor memory, however it ends; two runs share nothing.
/// - The timeout of [`Limits`] starts when the script is handed over. At the timeout, and when `cancel` is cancelled, the run
///   is ended within two seconds whatever the script does.
/// - A script reaches nothing but what [`RunHost`] answers: no network, no file of the host but Python itself.
/// - Output is captured in order with timestamps; broken UTF-8 is repaired, caps leave a visible mark, and every line is
///   delivered to `logs` before `run` returns. A script can lie only about itself; its first result counts.
/// - Dropping the future ends the run as `cancel` does.
///
/// `wren-conformance` checks all of this.
#[async_trait]
pub trait Executor: fmt::Debug + Send + Sync + 'static {
    /// Returns the name that `[tool.wren] executor = "…"` selects.
    fn name(&self) -> &str;

    /// Returns the isolation that runs get.
    fn isolation(&self) -> Isolation;

    /// Says whether scripts can be run on this machine now.
    ///
    /// # Errors
    /// `EXECUTOR_UNAVAILABLE` with what is missing and how to mend it.
    async fn check(&self) -> Result<()>;

    /// Imports a script without any capability and reports what it registered. An import that does not end within
    /// `limits.timeout_ms` is an `IMPORT_TIMEOUT` in the inspection's `error`.
    ///
    /// # Errors
    /// `EXECUTOR_UNAVAILABLE`, `INTERNAL`.
    async fn inspect(&self, script: &Script, limits: &Limits) -> Result<Inspection>;

    /// Runs one attempt.
    ///
    /// # Errors
    /// `EXECUTOR_UNAVAILABLE`, `INTERNAL`.
    async fn run(
        &self,
        invocation: Invocation,
        host: RunHost,
        logs: Arc<dyn LogSink>,
        cancel: CancellationToken,
    ) -> Result<Outcome>;
}

/// A sink that keeps lines in memory, for tests and for tools that show them at the end.
#[derive(Debug, Default)]
pub struct MemoryLogSink {
    lines: parking_lot::Mutex<Vec<LogLine>>,
}

impl MemoryLogSink {
    /// Returns the lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<LogLine> {
        self.lines.lock().clone()
    }

    /// Returns the texts of one stream, or of all, joined by line breaks.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.lock().iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

#[async_trait]
impl LogSink for MemoryLogSink {
    async fn write(&self, lines: Vec<LogLine>) {
        self.lines.lock().extend(lines);
    }
}

/// Returns the first due time shown to a script: when the run was due.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
