//! Judges what a guest says about its own end. A script can lie only about itself: the classes that make others act are
//! believed only when a host call of this run was really answered so.

use std::collections::HashMap;

use crate::error::Location;
use crate::error::{Error, ErrorClass, ErrorCode};
use serde::Deserialize;
use serde_json::Value;

/// The errors that host calls of this run were answered with, the latest of each code.
pub type AnsweredErrors = HashMap<ErrorCode, Error>;

/// An error as a guest sends it; everything in it may be missing or wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GuestError {
    code: String,
    message: String,
    hint: Option<String>,
    location: Option<Location>,
    traceback: Option<String>,
    details: serde_json::Map<String, Value>,
}

/// Longest texts kept of a guest's error, in bytes: an error is stored with its run and shown whole.
const MESSAGE_BYTES: usize = 16 * 1024;
const TRACEBACK_BYTES: usize = 64 * 1024;
const DETAILS_BYTES: usize = 16 * 1024;
/// How deep lists and objects may be in one another: what is read again within other JSON must not come to a reader's limit.
const DETAILS_DEPTH: usize = 64;

/// Turns a guest's error into the platform's.
#[must_use]
pub fn guest_error(value: Value, answered: &mut AnsweredErrors) -> Error {
    let guest: GuestError = match serde_json::from_value(value) {
        Ok(guest) => guest,
        Err(error) => return broken(&format!("a malformed error ({error})")),
    };
    let code = guest.code.parse().unwrap_or(ErrorCode::ScriptException);
    let error = match answered.remove(&code) {
        Some(original) => original,
        None => {
            let code = if code.class() == ErrorClass::AgentFixableError { code } else { ErrorCode::ScriptException };
            let mut error = Error::new(code, cut(guest.message, MESSAGE_BYTES));
            if let Some(hint) = guest.hint {
                error = error.with_hint(cut(hint, MESSAGE_BYTES));
            }
            let fits = serde_json::to_vec(&guest.details).is_ok_and(|json| json.len() <= DETAILS_BYTES);
            if fits && guest.details.values().all(|value| is_shallow(value, DETAILS_DEPTH)) {
                error = guest.details.into_iter().fold(error, |error, (key, value)| error.with_detail(key, value));
            }
            error
        }
    };
    let error = match guest.location {
        Some(mut location) => {
            location.snippet = location.snippet.map(|snippet| cut(snippet, MESSAGE_BYTES));
            error.with_location(location)
        }
        None => error,
    };
    match guest.traceback {
        Some(traceback) => error.with_traceback(cut(traceback, TRACEBACK_BYTES)),
        None => error,
    }
}

/// Says whether a value has no more levels than these.
fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(list) => levels > 0 && list.iter().all(|value| is_shallow(value, levels - 1)),
        Value::Object(object) => levels > 0 && object.values().all(|value| is_shallow(value, levels - 1)),
        _ => true,
    }
}

/// Says that the guest did not keep to the protocol.
#[must_use]
pub fn broken(what: &str) -> Error {
    Error::new(ErrorCode::ScriptException, format!("the script broke its channel to the platform: it sent {what}"))
        .with_hint("leave the file descriptors that the script did not open alone")
}

/// Says why a frame could not be read.
#[must_use]
pub fn malformed(error: &serde_json::Error) -> Error {
    // Valid JSON of an honest script can exceed the parser's depth; everything else is a broken channel.
    if error.to_string().contains("recursion limit") {
        return Error::new(ErrorCode::ResultNotJson, "a result or an argument is nested more than 120 levels deep")
            .with_hint("return a flatter structure");
    }
    broken(&format!("a malformed frame ({error})"))
}

/// Says that a run took more than its memory.
#[must_use]
pub fn memory_limit(memory_bytes: u64) -> Error {
    Error::new(ErrorCode::MemoryLimit, format!("the run took more than its {} MiB of memory", memory_bytes >> 20))
        .with_hint(
            "process the data in smaller pieces, or ask for more with `memory` in the script's [tool.wren] table",
        )
}

fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push_str(" … [cut]");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_guest_cannot_blame_the_user_or_the_operator() {
        for code in ["OAUTH_TOKEN_EXPIRED", "INTERNAL", "WORKER_LOST", "NO_SUCH_CODE", ""] {
            let forged = json!({"type": "UserFacingConfigError", "code": code, "message": "m",
                                "action_url": "https://evil.example"});
            let error = guest_error(forged, &mut AnsweredErrors::new());
            assert_eq!(error.code(), ErrorCode::ScriptException, "{code}");
            assert_eq!(error.action_url(), None);
        }
    }

    #[test]
    fn an_answered_error_comes_back_whole() {
        let original = Error::new(ErrorCode::OauthTokenExpired, "expired").with_action_url("https://wrens.ie/a");
        let mut answered = AnsweredErrors::from([(ErrorCode::OauthTokenExpired, original)]);
        let seen = json!({"code": "OAUTH_TOKEN_EXPIRED", "message": "other", "location": {"line": 3}});
        let error = guest_error(seen, &mut answered);
        assert_eq!((error.code(), error.message()), (ErrorCode::OauthTokenExpired, "expired"));
        assert_eq!(error.action_url(), Some("https://wrens.ie/a"));
        assert_eq!(error.location().unwrap().line, 3);
    }

    #[test]
    fn what_is_no_error_at_all_is_a_broken_channel() {
        let error = guest_error(json!([1]), &mut AnsweredErrors::new());
        assert_eq!(error.code(), ErrorCode::ScriptException);
        assert!(error.message().contains("malformed error"));
    }

    #[test]
    fn details_that_are_too_deep_are_left_out() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let details = |levels| {
            let error = guest_error(json!({"details": {"deep": nested(levels)}}), &mut AnsweredErrors::new());
            error.details().len()
        };
        assert_eq!((details(DETAILS_DEPTH), details(DETAILS_DEPTH + 1)), (1, 0));
    }

    #[test]
    fn long_texts_are_cut() {
        let error = guest_error(json!({"message": "ü".repeat(100_000)}), &mut AnsweredErrors::new());
        assert!(error.message().len() < MESSAGE_BYTES + 20);
    }
}
