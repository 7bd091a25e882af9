//! How what a guest returned, or why it stopped, becomes the end of a run.

use serde_json::Value;
use wasmtime::Trap;
use wasmtime_wasi::I32Exit;
use wren_core::executor::{Inspection, Limits, OutcomeEnd};
use wren_core::guest::{self, AnsweredErrors, Frame};
use wren_core::{Error, ErrorCode};

use crate::state::{Broken, LastWord};

/// How the guest's side ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It returned its last frame.
    Frame(Vec<u8>),
    /// It stopped before that.
    Stopped(Error),
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum End {
    Result { ok: Value, bytes: usize },
    Inspection(Box<Inspection>),
    Failed(Error),
    Timeout,
    Cancelled,
}

impl End {
    pub(crate) fn of(ended: Ended, mut answered: AnsweredErrors) -> Self {
        let frame = match ended {
            Ended::Frame(frame) => frame,
            Ended::Stopped(error) => return Self::Failed(error),
        };
        if frame.len() > guest::MAX_FRAME_BYTES {
            return Self::Failed(guest::broken(&format!("a result of {} bytes", frame.len())));
        }
        match Frame::parse(&frame) {
            Ok(Frame::Result(Ok(ok))) => Self::Result { ok, bytes: frame.len() },
            Ok(Frame::Result(Err(error))) => Self::Failed(guest::guest_error(error, &mut answered)),
            Ok(Frame::Inspection(inspection, error)) => Self::Inspection(guest::conclude_inspection(inspection, error)),
            Ok(_) => Self::Failed(guest::broken("something else than its last frame")),
            Err(error) => Self::Failed(error),
        }
    }

    pub(crate) fn into_outcome(self, limits: &Limits) -> OutcomeEnd {
        match self {
            Self::Result { ok, bytes } => guest::conclude_result(ok, bytes, limits),
            Self::Inspection(_) => OutcomeEnd::Failed(guest::broken("an inspection instead of a result")),
            Self::Failed(error) => OutcomeEnd::Failed(error),
            Self::Timeout => OutcomeEnd::Timeout,
            Self::Cancelled => OutcomeEnd::Cancelled,
        }
    }

    pub(crate) fn into_inspection(self, limits: &Limits) -> Inspection {
        match self {
            Self::Inspection(inspection) => *inspection,
            Self::Result { .. } => guest::failed_import(&guest::broken("a result instead of an inspection")),
            Self::Failed(error) => guest::failed_import(&error),
            Self::Timeout | Self::Cancelled => guest::import_timeout(limits),
        }
    }
}

/// Says how a guest stopped without returning.
pub(crate) fn of_trap(error: wasmtime::Error, memory_was_refused: bool, limits: &Limits) -> Ended {
    match error.downcast::<LastWord>() {
        Ok(LastWord(frame)) => Ended::Frame(frame),
        Err(error) => Ended::Stopped(why(error, memory_was_refused, limits)),
    }
}

/// Says why a guest stopped: it left, broke a limit, or broke the protocol.
fn why(error: wasmtime::Error, memory_was_refused: bool, limits: &Limits) -> Error {
    let error = match error.downcast::<Broken>() {
        Ok(Broken(error)) => return error,
        Err(error) => error,
    };
    if let Some(I32Exit(status)) = error.downcast_ref() {
        // As the process executor words it: to the script its interpreter is a process.
        let message = format!("the process ended with status {status} before the function returned");
        return Error::new(ErrorCode::ScriptException, message);
    }
    let trap = error.downcast_ref::<Trap>().copied();
    if trap == Some(Trap::StackOverflow) {
        return Error::new(ErrorCode::ScriptException, "the script exhausted the interpreter's stack")
            .with_hint("replace the deep recursion by a loop, or handle a flatter structure");
    }
    // An interpreter that cannot go on without memory aborts.
    if memory_was_refused {
        return guest::memory_limit(limits.memory_bytes);
    }
    let what = match trap {
        Some(Trap::UnreachableCodeReached) => "it aborted".to_owned(),
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    };
    Error::new(ErrorCode::ScriptException, format!("the interpreter stopped before the function returned: {what}"))
        .with_hint("the lines before it in the log may say more")
}
