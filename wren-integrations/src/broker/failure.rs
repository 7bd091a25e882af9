//! The errors of a request that was sent or could not be.

use std::error::Error as StdError;

use url::Url;
use wren_core::{Error, ErrorCode};

use super::call::HttpAnswer;
use super::resolve::OutOfReach;

/// How much of a cause is told.
const MOST: usize = 200;

/// Makes the error for a server that did not do its part. The script may try again.
///
/// The taxonomy has no code of its own for it. An internal one would reach the script without its message.
pub(super) fn upstream(reason: &str, message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidRequest, message).with_retryable(true).with_detail("reason", reason)
}

/// Adds when a provider wants to be asked again.
pub(super) fn with_retry_after(error: Error, answer: &HttpAnswer) -> Error {
    match answer.headers.get("retry-after") {
        // Seconds as a rule; RFC 9110 allows a date.
        Some(after) => match after.parse::<u64>() {
            Ok(seconds) => error.with_detail("retry_after", seconds),
            Err(_) => error.with_detail("retry_after", after.as_str()),
        },
        None => error,
    }
}

/// Makes the error for an address that is not on the public internet.
pub(super) fn out_of_reach(url: &Url, why: &OutOfReach) -> Error {
    let host = url.host_str().unwrap_or_default();
    Error::new(ErrorCode::EgressDenied, format!("the script may not reach `{host}`: {why}"))
        .with_hint("scripts reach addresses on the public internet only")
        .with_detail("host", host)
}

/// Makes the error for a request that failed on its way. What it says is taken from the innermost cause, which knows neither
/// the URL's path nor headers.
pub(super) fn failed(url: &Url, error: reqwest::Error) -> Error {
    let mut cause: &(dyn StdError + 'static) = &error;
    let mut depth = 0;
    loop {
        if let Some(why) = cause.downcast_ref::<OutOfReach>() {
            return out_of_reach(url, why);
        }
        match cause.source() {
            Some(next) => cause = next,
            None => break,
        }
        depth += 1;
    }
    let host = url.host_str().unwrap_or_default();
    // The outermost error's own words have the URL in them.
    let why: String =
        if depth == 0 { "the request failed".into() } else { cause.to_string().chars().take(MOST).collect() };
    upstream("unreachable", format!("`{host}` cannot be reached: {why}")).with_source(error.without_url())
}

/// Makes the error for a server that took too long.
pub(super) fn timed_out(url: &Url) -> Error {
    let host = url.host_str().unwrap_or_default();
    upstream("timeout", format!("`{host}` did not answer in time")).with_hint("give the request a longer timeout")
}

/// Makes the error for an answer that the memory for answers had no room for in time.
pub(super) fn no_room(url: &Url) -> Error {
    let host = url.host_str().unwrap_or_default();
    upstream("busy", format!("the platform had no room for the answer of `{host}` in time"))
        .with_hint("ask again later, or for less at a time")
}

/// Makes the error for an answer that is too large.
pub(super) fn too_large(host: &str, most: usize) -> Error {
    Error::new(
        ErrorCode::OutputLimit,
        format!("the answer of `{host}` has more than the {most} bytes that it may have"),
    )
    .with_hint("ask for less at a time")
}
