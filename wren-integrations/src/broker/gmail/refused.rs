//! The errors of what Gmail did not do.

use serde_json::Value;
use wren_core::{Error, ErrorCode};

use super::super::call::{HttpAnswer, invalid};
use super::super::failure;
use super::NAME;

/// Makes the error for an answer that is not a success; `thing` is what was asked for. A missing scope and a credential that
/// has ended are judged before.
///
/// Google's own words may quote what was sent, somebody's address say. They are not repeated, its names of reasons are.
pub(super) fn refused(answer: &HttpAnswer, thing: &str) -> Error {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let reason = reason(&body);
    let named = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let error = match (answer.status, reason) {
        (403 | 429, "dailyLimitExceeded" | "quotaExceeded") => {
            Error::new(ErrorCode::QuotaExceeded, format!("the day's share of Gmail is used up{named}"))
                .with_hint("ask for less, or again tomorrow")
        }
        (429, _) | (403, "rateLimitExceeded" | "userRateLimitExceeded" | "RATE_LIMIT_EXCEEDED") => {
            Error::new(ErrorCode::RateLimited, "Gmail limits how often it is asked")
                .with_hint("ask again later, or for fewer emails at a time")
        }
        (403, _) => Error::new(ErrorCode::PermissionDenied, format!("Gmail does not allow this{named}")),
        (404, _) => Error::not_found(thing).with_hint("it may have been deleted; gmail.inbox() returns what is there"),
        (500.., _) => failure::upstream("answer", format!("Gmail had a fault: status {}", answer.status)),
        (400.., _) => invalid(format!("Gmail refused the request with status {}{named}", answer.status)),
        _ => return not_of_its_api(answer),
    };
    detailed(error, answer, reason)
}

/// Makes the error for an answer that is not one of Gmail's API.
pub(super) fn not_of_its_api(answer: &HttpAnswer) -> Error {
    let message = format!("Gmail's answer is not one of its API: status {}", answer.status);
    detailed(failure::upstream("answer", message), answer, "")
}

fn detailed(error: Error, answer: &HttpAnswer, reason: &str) -> Error {
    let error = failure::with_retry_after(error, answer);
    let error = error.with_detail("integration", NAME).with_detail("status", answer.status);
    if reason.is_empty() { error } else { error.with_detail("reason", reason) }
}

/// Finds Google's name of the reason, `failedPrecondition` say: in the older list, the newer one, or the status. What does
/// not look like a name is none.
fn reason(body: &Value) -> &str {
    let error = &body["error"];
    [&error["errors"][0]["reason"], &error["details"][0]["reason"], &error["status"]]
        .into_iter()
        .filter_map(Value::as_str)
        .find(|name| {
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        })
        .unwrap_or_default()
}
