//! The `Executor` over the machine.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script};
use wren_core::guest;
use wren_core::host::RunHost;
use wren_core::model::{Isolation, ScriptSettings};
use wren_core::{Error, ErrorCode, Result};

use crate::artifact::MEMORY_BYTES;
use crate::machine::Machine;
use crate::options::WasmOptions;
use crate::session::{self, Mode, Task};

/// The name that `[tool.wren] executor = "wasm"` selects.
const NAME: &str = "wasm";
/// What a script may allocate even when the run's limit is lower than what the interpreter itself takes.
const LEAST_FREE_BYTES: u64 = 8 << 20;

/// Runs each script in a fresh CPython of its own, on WebAssembly.
///
/// Cloning shares the pool of instances.
#[derive(Debug, Clone)]
pub struct WasmExecutor {
    machine: std::result::Result<Arc<Machine>, Arc<wasmtime::Error>>,
}

impl WasmExecutor {
    /// Maps the guest and sets its pool aside. Where that fails, [`check`](Executor::check) says why, and every run is refused.
    #[must_use]
    pub fn start(options: WasmOptions) -> Self {
        Self { machine: Machine::start(&options).map_err(Arc::new) }
    }

    fn machine(&self) -> Result<&Arc<Machine>> {
        self.machine.as_ref().map_err(|error| {
            Error::new(ErrorCode::ExecutorUnavailable, format!("the WebAssembly executor did not start ({error:#})"))
                .with_hint("allow more address space (`ulimit -v unlimited`), or fewer instances")
        })
    }
}

#[async_trait]
impl Executor for WasmExecutor {
    fn name(&self) -> &str {
        NAME
    }

    fn isolation(&self) -> Isolation {
        let tier = if self.machine.is_ok() { "wasmtime" } else { "none" };
        Isolation { executor: NAME.to_owned(), tier: tier.to_owned() }
    }

    async fn check(&self) -> Result<()> {
        self.machine().map(|_| ())
    }

    async fn inspect(&self, script: &Script, limits: &Limits) -> Result<Inspection> {
        let machine = self.machine()?;
        let deadline = deadline(limits);
        if let Some(error) = guest::unsupported_dependencies(&script.settings) {
            return Ok(guest::failed_import(&error));
        }
        let limits = granted(limits, &script.settings, machine);
        let job = match session::job(&guest::inspect_job(script, &limits, &[])) {
            Ok(job) => job,
            Err(error) => return Ok(guest::failed_import(&error)),
        };
        let cancel = CancellationToken::new();
        let task = Task {
            mode: Mode::Inspect,
            script,
            job,
            host: None,
            logs: None,
            limits: &limits,
            deadline,
            cancel: &cancel,
        };
        Ok(session::drive(machine, task).await?.into_inspection(&limits))
    }

    async fn run(
        &self,
        invocation: Invocation,
        host: RunHost,
        logs: Arc<dyn LogSink>,
        cancel: CancellationToken,
    ) -> Result<Outcome> {
        let machine = self.machine()?;
        let deadline = deadline(&invocation.limits);
        let ended = |end| Ok(Outcome { end, isolation: self.isolation() });
        if cancel.is_cancelled() {
            return ended(OutcomeEnd::Cancelled);
        }
        let script = &invocation.script;
        if let Some(error) = guest::unsupported_dependencies(&script.settings) {
            return ended(OutcomeEnd::Failed(error));
        }
        let limits = granted(&invocation.limits, &script.settings, machine);
        let variables = match guest::injected_environment(&script.settings, &host).await {
            Ok(variables) => variables,
            Err(error) => return ended(OutcomeEnd::Failed(error)),
        };
        let job = match session::job(&guest::run_job(&invocation, &[], variables)) {
            Ok(job) => job,
            Err(error) => return ended(OutcomeEnd::Failed(error)),
        };
        let task = Task {
            mode: Mode::Run,
            script,
            job,
            host: Some(&host),
            logs: Some(logs),
            limits: &limits,
            deadline,
            cancel: &cancel,
        };
        ended(session::drive(machine, task).await?.into_outcome(&limits))
    }
}

fn deadline(limits: &Limits) -> Instant {
    let now = Instant::now();
    // Centuries are as good as never.
    now.checked_add(Duration::from_millis(limits.timeout_ms)).unwrap_or(now + Duration::from_secs(1 << 32))
}

/// Returns the limits under which a script really runs: its own wish, what the pool has, what the interpreter needs.
fn granted(limits: &Limits, settings: &ScriptSettings, machine: &Machine) -> Limits {
    let limits = guest::effective_limits(limits, settings);
    let memory_bytes = limits.memory_bytes.max(MEMORY_BYTES as u64 + LEAST_FREE_BYTES).min(machine.max_memory_bytes);
    Limits { memory_bytes, ..limits }
}
