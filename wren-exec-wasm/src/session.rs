//! One use of one instance: gives it a job, carries its output and its calls, and ends it in time.

use std::pin::pin;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use wren_core::executor::{Limits, LogSink, Script};
use wren_core::guest::{self, AnsweredErrors};
use wren_core::host::RunHost;
use wren_core::model::LogLine;
use wren_core::{Error, ErrorCode, Result};

use crate::ending::{End, Ended, of_trap};
use crate::limits::MemoryLimit;
use crate::machine::{Interpreter, Machine, Remains};
use crate::output::Output;
use crate::state::{Call, State, encode};

/// Which of the guest's exports to call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Inspect,
    Run,
}

/// What a session is to do.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) mode: Mode,
    pub(crate) script: &'a Script,
    /// The `job` frame.
    pub(crate) job: Vec<u8>,
    /// Who answers calls; `None` refuses them.
    pub(crate) host: Option<&'a RunHost>,
    /// Who gets the lines; `None` drops them.
    pub(crate) logs: Option<Arc<dyn LogSink>>,
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) cancel: &'a CancellationToken,
}

/// Does a task. The script has ended, and every line is delivered, before this returns.
///
/// # Errors
/// `EXECUTOR_UNAVAILABLE` when no instance was free before the deadline.
pub(crate) async fn drive(machine: &Arc<Machine>, task: Task<'_>) -> Result<End> {
    let slot = tokio::select! {
        biased;
        () = task.cancel.cancelled() => return Ok(End::Cancelled),
        slot = Arc::clone(&machine.slots).acquire_owned() => slot,
        () = sleep_until(task.deadline) => return Err(no_slot()),
    };
    let Ok(slot) = slot else { return Err(no_slot()) };

    let (lines, received) = mpsc::unbounded_channel();
    let (calls, asked) = mpsc::channel(1);
    let output = Output::new(task.limits, task.logs.is_some().then(|| lines.clone()));
    let memory = MemoryLimit::new(task.limits.memory_bytes);
    let state = State::new(memory, output.clone(), calls);
    let running = execute(Arc::clone(machine), slot, state, task.mode, task.job, task.script.clone(), *task.limits);
    let Some(running) = machine.spawn(running) else { return Err(no_slot()) };
    let mut running = EndsWithUs(running);

    let mut answered = AnsweredErrors::new();
    let mut delivery = pin!(deliver(received, task.logs));
    let talk = {
        let mut answering = pin!(answer(asked, task.host, &mut answered));
        loop {
            tokio::select! {
                biased;
                () = task.cancel.cancelled() => break Err(End::Cancelled),
                ended = &mut running.0 => break Ok(ended),
                () = sleep_until(task.deadline) => break Err(End::Timeout),
                () = &mut answering => {}
                // It ends only after the senders of lines do, of which this function holds one.
                () = &mut delivery => std::future::pending().await,
            }
        }
    };
    let end = match talk {
        Ok(Ok((ended, remains))) => {
            machine.retire(remains);
            End::of(ended, answered)
        }
        Ok(Err(error)) => End::Failed(Error::new(ErrorCode::Internal, "a run's task failed").with_source(error)),
        Err(end) => {
            running.0.abort();
            // Within a tick the script is interrupted, or it ended just now.
            if let Ok((_, remains)) = (&mut running.0).await {
                machine.retire(remains);
            }
            end
        }
    };
    output.finish();
    drop((output, lines));
    delivery.await;
    Ok(end)
}

fn no_slot() -> Error {
    Error::new(ErrorCode::ExecutorUnavailable, "no interpreter was free within the run's timeout")
        .with_hint("allow more of them at once, or fewer runs")
}

/// Ends the run when whoever waits for it goes away.
struct EndsWithUs(JoinHandle<(Ended, Remains)>);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn execute(
    machine: Arc<Machine>,
    slot: OwnedSemaphorePermit,
    state: State,
    mode: Mode,
    job: Vec<u8>,
    script: Script,
    limits: Limits,
) -> (Ended, Remains) {
    let _ticking = machine.ticker.hold();
    let Interpreter { mut store, guest } = match machine.interpreter(state).await {
        Ok(interpreter) => interpreter,
        Err(error) => return (of_trap(error, false, &limits), Remains { store: None, slot }),
    };
    let called = async {
        let code = match machine.bytecode.get(&script) {
            Some(code) => code,
            None => {
                let code = guest.call_compile(&mut store, &script.source, &script.filename).await?;
                // Nothing: it does not compile, which the job then says with its place.
                if !code.is_empty() {
                    machine.bytecode.keep(&script, code.clone());
                }
                code.into()
            }
        };
        match mode {
            Mode::Inspect => guest.call_inspect(&mut store, &job, &code).await,
            Mode::Run => guest.call_run(&mut store, &job, &code).await,
        }
    }
    .await;
    let ended = match called {
        Ok(frame) => Ended::Frame(frame),
        Err(error) => of_trap(error, store.data().memory.refused(), &limits),
    };
    (ended, Remains { store: Some(store), slot })
}

/// Answers calls, of which a guest has one at a time.
async fn answer(mut asked: mpsc::Receiver<Call>, host: Option<&RunHost>, answered: &mut AnsweredErrors) {
    while let Some(Call { id, request, reply }) = asked.recv().await {
        let answer = match host {
            Some(host) => host.call(request).await,
            None => {
                Err(Error::new(ErrorCode::InvalidRequest, "the platform cannot be called while a script is imported"))
            }
        };
        let answer = answer.and_then(|value| encode(&guest::reply_ok(id, value)).map_err(guest::answer_too_large));
        let frame = answer.unwrap_or_else(|error| {
            let frame = encode(&guest::reply_error(id, &error)).unwrap_or_default();
            answered.insert(error.code(), error);
            frame
        });
        // A guest that was ended meanwhile waits no longer.
        let _ = reply.send(frame);
    }
    std::future::pending().await
}

/// Hands batches to the sink.
async fn deliver(mut received: mpsc::UnboundedReceiver<Vec<LogLine>>, logs: Option<Arc<dyn LogSink>>) {
    while let Some(mut lines) = received.recv().await {
        while let Ok(more) = received.try_recv() {
            lines.extend(more);
        }
        if let Some(logs) = &logs {
            logs.write(lines).await;
        }
    }
}

/// Returns a job's bytes.
///
/// # Errors
/// What the core says of a script and an event that are too long for one frame.
pub(crate) fn job(frame: &Value) -> std::result::Result<Vec<u8>, Error> {
    encode(frame).map_err(guest::job_too_large)
}
