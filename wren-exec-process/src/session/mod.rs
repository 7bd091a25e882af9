//! The guest session: hands a job to a started guest, carries its output and its host calls, and decides how it ended.
//!
//! Any launcher can use it: whoever can start `python3 -I -S -B …/wren/_runtime/main.py FD` somewhere, with a connected stream
//! socket as FD and pipes as descriptors 1 and 2, wraps them in a [`Guest`] and has a complete executor in [`Session::run`] and
//! [`Session::inspect`]. The messages are those of the SDK's `PROTOCOL.md`.

mod budget;
mod calls;
mod conversation;
mod drive;
mod frame;
mod guest;
mod logs;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Inspection, Invocation, Limits, LogSink, MemoryLogSink, OutcomeEnd, Script};
use wren_core::host::RunHost;
use wren_core::{Error, ErrorCode, WireError};

use self::drive::{End, Task};
pub use self::frame::MAX_FRAME_BYTES;
pub use self::guest::{Duplex, Exit, Guest, GuestProcess};

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
        guest: Guest,
        invocation: &Invocation,
        host: &RunHost,
        logs: Arc<dyn LogSink>,
        cancel: &CancellationToken,
    ) -> OutcomeEnd {
        let limits = &invocation.limits;
        let job = json!({
            "t": "job",
            "v": 1,
            "mode": "run",
            "script": &*invocation.script.source,
            "filename": &*invocation.script.filename,
            "func": invocation.func,
            "trigger": invocation.trigger.as_str(),
            "event": invocation.event,
            "context": &*invocation.context,
            "argv_path": self.argv_path,
        });
        let job = match frame::encode(&job) {
            Ok(job) => job,
            Err(size) => return OutcomeEnd::Failed(job_too_large(size)),
        };
        let task = Task { job, host: Some(host), logs: Some(logs), limits, deadline: self.deadline(limits), cancel };
        match drive::drive(guest, task).await {
            End::Result { ok, bytes } if bytes > limits.result_bytes && json_size(&ok) > limits.result_bytes => {
                OutcomeEnd::Failed(result_too_large(limits.result_bytes))
            }
            End::Result { ok, .. } => OutcomeEnd::Success(ok),
            End::Inspection(_) => OutcomeEnd::Failed(verdict::broken("an inspection instead of a result")),
            End::Failed(error) => OutcomeEnd::Failed(error),
            End::Timeout => OutcomeEnd::Timeout,
            End::Cancelled => OutcomeEnd::Cancelled,
        }
    }

    /// Imports a script in a guest and returns what it registered. What the import prints is dropped.
    pub async fn inspect(self, guest: Guest, script: &Script, limits: &Limits) -> Inspection {
        let job = json!({
            "t": "job",
            "v": 1,
            "mode": "inspect",
            "script": &*script.source,
            "filename": &*script.filename,
            "argv_path": self.argv_path,
            // The guest says shortly before where the import hangs, which cannot be seen from here.
            "timeout_ms": limits.timeout_ms,
        });
        let job = match frame::encode(&job) {
            Ok(job) => job,
            Err(size) => return failed_import(job_too_large(size)),
        };
        let cancel = CancellationToken::new();
        let task = Task { job, host: None, logs: None, limits, deadline: self.deadline(limits), cancel: &cancel };
        match drive::drive(guest, task).await {
            End::Inspection(inspection) => *inspection,
            End::Result { .. } => failed_import(verdict::broken("a result instead of an inspection")),
            End::Failed(error) => failed_import(error),
            End::Timeout | End::Cancelled => failed_import(
                Error::new(
                    ErrorCode::ImportTimeout,
                    format!("importing the script did not end within {} ms", limits.timeout_ms),
                )
                .with_hint("move slow work from the top of the script into the function that the trigger calls"),
            ),
        }
    }

    /// Imports nothing in a guest, to see whether guests can run at all.
    ///
    /// # Errors
    /// Says what went wrong, in the words of whoever could not start.
    pub(crate) async fn probe(self, guest: Guest, limits: &Limits) -> Result<(), String> {
        let job = json!({"t": "job", "v": 1, "mode": "inspect", "script": "", "filename": "probe.py", "argv_path": []});
        let Ok(job) = frame::encode(&job) else { return Err("the probe is too large".to_owned()) };
        let said = Arc::new(MemoryLogSink::default());
        let logs: Arc<dyn LogSink> = said.clone();
        let cancel = CancellationToken::new();
        let task = Task { job, host: None, logs: Some(logs), limits, deadline: self.deadline(limits), cancel: &cancel };
        let why = match drive::drive(guest, task).await {
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

/// Returns the inspection of a script whose import ended without one.
fn failed_import(error: Error) -> Inspection {
    let mut wire = WireError::from(&error);
    if wire.code == ErrorCode::ScriptException {
        wire.code = ErrorCode::ImportError;
        wire.class = wire.code.class();
        wire.message = wire.message.replace("before the function returned", "while the script was imported");
    }
    Inspection { error: Some(wire), ..Inspection::default() }
}

fn json_size(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

fn result_too_large(limit: usize) -> Error {
    Error::new(ErrorCode::OutputLimit, format!("the result is larger than {limit} bytes of JSON"))
        .with_hint("return less, for example a count or a summary, and keep the data itself elsewhere")
}

fn job_too_large(size: usize) -> Error {
    Error::new(
        ErrorCode::InvalidRequest,
        format!("script and event together have {size} bytes, more than {MAX_FRAME_BYTES}"),
    )
}
