//! The `Executor` over a sandbox.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script};
use wren_core::guest;
use wren_core::host::RunHost;
use wren_core::model::Isolation;
use wren_core::{Error, ErrorCode, Result};

use crate::options::{ProcessOptions, TierPreference};
use crate::python::Python;
use crate::sandbox::{Need, Sandbox};
use crate::session::Session;

/// The name that `[tool.wren] executor = "process"` selects.
const NAME: &str = "process";

/// Runs scripts on the machine's CPython, each in a sandbox of its own.
#[derive(Debug)]
pub struct ProcessExecutor {
    options: ProcessOptions,
    ready: OnceCell<std::result::Result<Ready, Unavailable>>,
}

#[derive(Debug)]
struct Ready {
    python: Python,
    sandbox: Sandbox,
}

/// Why scripts cannot be run here, and how to mend it.
#[derive(Debug)]
struct Unavailable {
    message: String,
    hint: String,
}

impl Unavailable {
    fn error(&self) -> Error {
        Error::new(ErrorCode::ExecutorUnavailable, self.message.clone()).with_hint(self.hint.clone())
    }
}

impl ProcessExecutor {
    /// Finds the interpreter and a sandbox that works here, by really starting a guest. Where there is none the executor
    /// refuses every run and [`check`](Executor::check) says what is missing; it never runs a script without a sandbox.
    pub async fn start(options: ProcessOptions) -> Self {
        let executor = Self::new(options);
        executor.prepared().await;
        executor
    }

    /// The same, but looks for them only when it is first used. Until then [`isolation`](Executor::isolation) says `none`.
    #[must_use]
    pub fn new(options: ProcessOptions) -> Self {
        Self { options, ready: OnceCell::new() }
    }

    async fn prepared(&self) -> &std::result::Result<Ready, Unavailable> {
        self.ready.get_or_init(|| Self::prepare(&self.options)).await
    }

    /// Returns what was found, if it was looked for and is there.
    fn found(&self) -> Option<&Ready> {
        self.ready.get()?.as_ref().ok()
    }

    async fn prepare(options: &ProcessOptions) -> std::result::Result<Ready, Unavailable> {
        let python = Python::find(options.python.as_deref()).map_err(|error| Unavailable {
            message: error.message().to_owned(),
            hint: error.hint().unwrap_or_default().to_owned(),
        })?;
        match Sandbox::find(options, &python).await {
            Ok(sandbox) => {
                tracing::debug!(python = %python.version, tier = sandbox.tier(), "the process executor is ready");
                Ok(Ready { python, sandbox })
            }
            Err(why) => Err(Unavailable {
                message: format!("no sandbox works on this machine ({why})"),
                hint: match options.tier {
                    TierPreference::Reduced => "use a kernel with Landlock (Linux 5.13 or newer), or allow bubblewrap",
                    _ => {
                        "install bubblewrap (`apt-get install bubblewrap`) and allow user namespaces (`sysctl \
                         user.max_user_namespaces`, or in a container `--security-opt seccomp=unconfined`)"
                    }
                }
                .to_owned(),
            }),
        }
    }

    /// Returns the version of the interpreter, as `3.11.2`; `None` where scripts cannot be run.
    #[must_use]
    pub fn python_version(&self) -> Option<&str> {
        self.found().map(|ready| ready.python.version.as_str())
    }

    /// Returns the interpreter that runs scripts, no shim and no symbolic link; `None` where scripts cannot be run.
    #[must_use]
    pub fn python(&self) -> Option<&Path> {
        self.found().map(|ready| ready.python.executable.as_path())
    }

    async fn ready(&self) -> Result<&Ready> {
        self.prepared().await.as_ref().map_err(Unavailable::error)
    }
}

#[async_trait]
impl Executor for ProcessExecutor {
    fn name(&self) -> &str {
        NAME
    }

    fn isolation(&self) -> Isolation {
        let tier = self.found().map_or("none", |ready| ready.sandbox.tier());
        Isolation { executor: NAME.to_owned(), tier: tier.to_owned() }
    }

    async fn check(&self) -> Result<()> {
        self.ready().await.map(|_| ())
    }

    async fn inspect(&self, script: &Script, limits: &Limits) -> Result<Inspection> {
        let ready = self.ready().await?;
        let session = Session::new();
        let limits = guest::effective_limits(limits, &script.settings);
        if let Some(error) = guest::unsupported_dependencies(&script.settings) {
            return Ok(Inspection { error: Some((&error).into()), ..Inspection::default() });
        }
        let started = ready.start(need(&limits)).await?;
        Ok(session.inspect(started, script, &limits).await)
    }

    async fn run(
        &self,
        mut invocation: Invocation,
        host: RunHost,
        logs: Arc<dyn LogSink>,
        cancel: CancellationToken,
    ) -> Result<Outcome> {
        let ready = self.ready().await?;
        let session = Session::new();
        invocation.limits = guest::effective_limits(&invocation.limits, &invocation.script.settings);
        let ended = |end| Ok(Outcome { end, isolation: self.isolation() });
        if cancel.is_cancelled() {
            return ended(OutcomeEnd::Cancelled);
        }
        if let Some(error) = guest::unsupported_dependencies(&invocation.script.settings) {
            return ended(OutcomeEnd::Failed(error));
        }
        let started = ready.start(need(&invocation.limits)).await?;
        ended(session.run(started, &invocation, &host, logs, &cancel).await)
    }
}

impl Ready {
    async fn start(&self, need: Need) -> Result<crate::session::Guest> {
        self.sandbox.start(need).await.map_err(|error| {
            Error::new(ErrorCode::ExecutorUnavailable, "a sandbox could not be started").with_source(error)
        })
    }
}

fn need(limits: &Limits) -> Need {
    Need { memory_bytes: limits.memory_bytes, timeout_ms: limits.timeout_ms }
}
