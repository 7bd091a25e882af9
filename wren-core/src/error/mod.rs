//! The error taxonomy: one [`Error`] with a stable code, who must act, where, and what to do.

mod code;
mod wire;

use std::fmt;

pub use code::{ErrorClass, ErrorCode, ParseErrorCodeError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
pub use wire::{WireError, WireErrorBody};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A place in a script. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The line.
    pub line: u32,
    /// The column, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The column after the last character, where it is known and on the same line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
    /// The text of the line, without its line break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// Anything that goes wrong in Wren, as every seam reports it.
///
/// `Display` prints the message alone: the source may hold what only an operator should see, and is reached through
/// [`std::error::Error::source`].
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: ErrorCode,
    message: String,
    hint: Option<String>,
    location: Option<Location>,
    traceback: Option<String>,
    action_url: Option<String>,
    docs_url: Option<String>,
    details: Map<String, Value>,
    retryable: Option<bool>,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl Error {
    /// Makes an error. The message is lower case and has no full stop.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            hint: None,
            location: None,
            traceback: None,
            action_url: None,
            docs_url: None,
            details: Map::new(),
            retryable: None,
            source: None,
        }))
    }

    /// Makes an `INTERNAL` error around its cause.
    #[must_use]
    pub fn internal(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        Self::new(ErrorCode::Internal, message).with_source(source)
    }

    /// Makes a `NOT_FOUND` error for a thing, say `deployment dep_…`.
    #[must_use]
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("{what} not found"))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the place in the script.
    #[must_use]
    pub fn with_location(mut self, location: Location) -> Self {
        self.0.location = Some(location);
        self
    }

    /// Adds a Python traceback, trimmed to the user's frames.
    #[must_use]
    pub fn with_traceback(mut self, traceback: impl Into<String>) -> Self {
        self.0.traceback = Some(traceback.into());
        self
    }

    /// Adds the page on which the user can act.
    #[must_use]
    pub fn with_action_url(mut self, url: impl Into<String>) -> Self {
        self.0.action_url = Some(url.into());
        self
    }

    /// Adds the page that explains it.
    #[must_use]
    pub fn with_docs_url(mut self, url: impl Into<String>) -> Self {
        self.0.docs_url = Some(url.into());
        self
    }

    /// Adds one machine-readable detail.
    #[must_use]
    pub fn with_detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.details.insert(key.into(), value.into());
        self
    }

    /// Says whether the same call may succeed later without a change; without this the code decides.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = Some(retryable);
        self
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// Returns who must act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.0.code.class()
    }

    /// Returns the message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the place in the script.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// Returns the Python traceback.
    #[must_use]
    pub fn traceback(&self) -> Option<&str> {
        self.0.traceback.as_deref()
    }

    /// Returns the page on which the user can act.
    #[must_use]
    pub fn action_url(&self) -> Option<&str> {
        self.0.action_url.as_deref()
    }

    /// Returns the page that explains it.
    #[must_use]
    pub fn docs_url(&self) -> Option<&str> {
        self.0.docs_url.as_deref()
    }

    /// Returns the machine-readable details.
    #[must_use]
    pub fn details(&self) -> &Map<String, Value> {
        &self.0.details
    }

    /// Says whether the same call may succeed later without a change.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.0.retryable.unwrap_or(matches!(
            self.0.code,
            ErrorCode::StoreUnavailable | ErrorCode::ExecutorUnavailable | ErrorCode::RateLimited
        ))
    }

    /// Returns the message followed by those of its causes, for an operator's log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = format!("{}: {}", self.code(), self.message());
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// Gathers the findings of a validation into one error: the first is the error, and `details.diagnostics` lists all.
    ///
    /// Returns `None` when there are none.
    #[must_use]
    pub fn from_diagnostics(diagnostics: Vec<Error>) -> Option<Error> {
        let list: Vec<Value> =
            diagnostics.iter().map(|error| serde_json::to_value(WireError::from(error)).unwrap_or_default()).collect();
        let first = diagnostics.into_iter().next()?;
        Some(first.with_detail("diagnostics", list))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_never_prints_the_source() {
        let error = Error::internal("the store failed", "password=hunter2");
        assert_eq!(error.to_string(), "the store failed");
        assert!(error.chain().contains("hunter2"));
    }

    #[test]
    fn every_code_parses_back() {
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse::<ErrorCode>().unwrap(), *code);
            assert!(code.as_str().chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'));
        }
    }

    #[test]
    fn diagnostics_travel_together() {
        let error = Error::from_diagnostics(vec![
            Error::new(ErrorCode::InvalidCron, "first"),
            Error::new(ErrorCode::UnknownIntegration, "second"),
        ])
        .unwrap();
        assert_eq!(error.code(), ErrorCode::InvalidCron);
        assert_eq!(error.details()["diagnostics"].as_array().unwrap().len(), 2);
        assert!(Error::from_diagnostics(Vec::new()).is_none());
    }
}
