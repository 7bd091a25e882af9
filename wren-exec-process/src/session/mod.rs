//! The guest session: hands a job to a started guest, carries its output and its host calls, and decides how it ended.
//!
//! Any launcher can use it: whoever can start `python3 -I -S -B …/wren/_runtime/main.py FD` somewhere, with a connected stream
//! socket as FD and pipes as descriptors 1 and 2, wraps them in a [`Guest`] and has a complete executor in [`Session::run`] and
//! [`Session::inspect`]. The messages are those of the SDK's `PROTOCOL.md`.

mod budget;
mod calls;
mod conversation;
mod drive;
mod ending;
mod frame;
mod started;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Inspection, Invocation, Limits, LogSink, MemoryLogSink, OutcomeEnd, Script};
use wren_core::guest;
use wren_core::host::RunHost;

use self::drive::{End, Task};
pub use self::started::{Duplex, Exit, Guest, GuestProcess};

/// One use of one guest.
#[derive(Debug, Clone)]
pub struct Session {
    started: Instant,
    argv_path: Vec<String>,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// Makes a session whose timeout starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), argv_path: Vec::new() }
    }

    /// Adds folders, as the guest sees them, to the script's `sys.path`.
    #[must_use]
    pub fn with_argv_path(mut self, folders: Vec<String>) -> Self {
        self.argv_path = folders;
        self
    }

    /// Runs one attempt in a guest. Every line is delivered to `logs`, and the guest is gone, before this returns.
    pub async fn run(
        self,
        started: Guest,
        invocation: &Invocation,
        host: &RunHost,
        logs: Arc<dyn LogSink>,
        cancel: &CancellationToken,
    ) -> OutcomeEnd {
        let limits = &invocation.limits;
        let variables = match guest::injected_environment(&invocation.script.settings, host).await {
            Ok(variables) => variables,
            Err(error) => return OutcomeEnd::Failed(error),
        };
        let job = match frame::encode(&guest::run_job(invocation, &self.argv_path, variables)) {
            Ok(job) => job,
            Err(size) => return OutcomeEnd::Failed(guest::job_too_large(size)),
        };
        let task = Task { job, host: Some(host), logs: Some(logs), limits, deadline: self.deadline(limits), cancel };
        match drive::drive(started, task).await {
            End::Result { ok, bytes } => guest::conclude_result(ok, bytes, limits),
            End::Inspection(_) => OutcomeEnd::Failed(guest::broken("an inspection instead of a result")),
            End::Failed(error) => OutcomeEnd::Failed(error),
            End::Timeout => OutcomeEnd::Timeout,
            End::Cancelled => OutcomeEnd::Cancelled,
        }
    }

    /// Imports a script in a guest and returns what it registered. What the import prints is dropped.
    pub async fn inspect(self, started: Guest, script: &Script, limits: &Limits) -> Inspection {
        let job = match frame::encode(&guest::inspect_job(script, limits, &self.argv_path)) {
            Ok(job) => job,
            Err(size) => return guest::failed_import(&guest::job_too_large(size)),
        };
        let cancel = CancellationToken::new();
        let task = Task { job, host: None, logs: None, limits, deadline: self.deadline(limits), cancel: &cancel };
        match drive::drive(started, task).await {
            End::Inspection(inspection) => *inspection,
            End::Result { .. } => guest::failed_import(&guest::broken("a result instead of an inspection")),
            End::Failed(error) => guest::failed_import(&error),
            End::Timeout | End::Cancelled => guest::import_timeout(limits),
        }
    }

    /// Imports nothing in a guest, to see whether guests can run at all.
    ///
    /// # Errors
    /// Says what went wrong, in the words of whoever could not start.
    pub(crate) async fn probe(self, started: Guest, limits: &Limits) -> Result<(), String> {
        let job = json!({"t": "job", "v": 1, "mode": "inspect", "script": "", "filename": "probe.py", "argv_path": []});
        let Ok(job) = frame::encode(&job) else { return Err("the probe is too large".to_owned()) };
        let said = Arc::new(MemoryLogSink::default());
        let logs: Arc<dyn LogSink> = said.clone();
        let cancel = CancellationToken::new();
        let task = Task { job, host: None, logs: Some(logs), limits, deadline: self.deadline(limits), cancel: &cancel };
        let why = match drive::drive(started, task).await {
            End::Inspection(inspection) => match inspection.error {
                None => return Ok(()),
                Some(error) => error.message,
            },
            End::Failed(error) => error.message().to_owned(),
            End::Timeout | End::Cancelled => "it did not start in time".to_owned(),
            End::Result { .. } => "it answered with something else".to_owned(),
        };
        let said = said.text();
        Err(if said.trim().is_empty() { why } else { said.trim().replace('\n', "; ") })
    }

    fn deadline(&self, limits: &Limits) -> Instant {
        // A timeout that overflows the clock is no timeout; a year stands for it.
        let year = Duration::from_secs(366 * 24 * 60 * 60);
        self.started + Duration::from_millis(limits.timeout_ms).min(year)
    }
}
