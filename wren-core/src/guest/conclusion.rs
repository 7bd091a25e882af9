//! What a guest's last word means for the run.

use serde_json::Value;

use super::frame::MAX_FRAME_BYTES;
use super::verdict::{AnsweredErrors, guest_error};
use crate::error::{Error, ErrorCode, WireError};
use crate::executor::{Inspection, Limits, OutcomeEnd};

/// Ends a run with what its function returned, or refuses it for its size. `bytes` is the size of the frame it came in.
#[must_use]
pub fn conclude_result(ok: Value, bytes: usize, limits: &Limits) -> OutcomeEnd {
    if bytes > limits.result_bytes && json_size(&ok) > limits.result_bytes {
        return OutcomeEnd::Failed(result_too_large(limits.result_bytes));
    }
    OutcomeEnd::Success(ok)
}

/// Gives an inspection the error that came with it, judged.
#[must_use]
pub fn conclude_inspection(mut inspection: Box<Inspection>, error: Option<Value>) -> Box<Inspection> {
    inspection.error =
        error.filter(|error| !error.is_null()).map(|error| (&guest_error(error, &mut AnsweredErrors::new())).into());
    inspection
}

/// Returns the inspection of a script whose import ended without one.
#[must_use]
pub fn failed_import(error: &Error) -> Inspection {
    let mut wire = WireError::from(error);
    if wire.code == ErrorCode::ScriptException {
        wire.code = ErrorCode::ImportError;
        wire.class = wire.code.class();
        wire.message = wire.message.replace("before the function returned", "while the script was imported");
    }
    Inspection { error: Some(wire), ..Inspection::default() }
}

/// Returns the inspection of a script whose import was ended at its limit.
#[must_use]
pub fn import_timeout(limits: &Limits) -> Inspection {
    let message = format!("importing the script did not end within {} ms", limits.timeout_ms);
    failed_import(
        &Error::new(ErrorCode::ImportTimeout, message)
            .with_hint("move slow work from the top of the script into the function that the trigger calls"),
    )
}

/// Says that the platform's answer to a call does not fit into a frame.
#[must_use]
pub fn answer_too_large(size: usize) -> Error {
    Error::new(ErrorCode::OutputLimit, format!("the answer has {size} bytes, more than the {MAX_FRAME_BYTES} that fit"))
        .with_hint("ask for less at a time")
}

fn json_size(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

fn result_too_large(limit: usize) -> Error {
    Error::new(ErrorCode::OutputLimit, format!("the result is larger than {limit} bytes of JSON"))
        .with_hint("return less, for example a count or a summary, and keep the data itself elsewhere")
}
