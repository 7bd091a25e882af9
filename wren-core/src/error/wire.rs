//! The spec's JSON shape of an error, with the extra keys that Wren adds when they exist.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, ErrorClass, ErrorCode, Location};
use crate::id::CorrelationId;

/// An error as it stands on the wire, in a run's record and in a guest's frame.
///
/// An `InternalError` keeps its code only: the message is replaced by a fixed one, since the cause is for the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WireError {
    /// Who must act.
    #[serde(rename = "type")]
    pub class: ErrorClass,
    /// The stable code.
    pub code: ErrorCode,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The Python traceback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
    /// The page on which the user can act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
    /// The page that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs_url: Option<String>,
    /// Machine-readable details.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// Present and true when the same call may succeed later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// Follows the request through the platform's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
}

impl WireError {
    /// Adds the correlation id of the request.
    #[must_use]
    pub fn with_correlation_id(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }
}

impl From<&Error> for WireError {
    fn from(error: &Error) -> Self {
        let class = error.class();
        if class == ErrorClass::InternalError {
            return Self {
                class,
                code: error.code(),
                message: internal_message(error.code()).to_owned(),
                hint: None,
                location: None,
                traceback: None,
                action_url: None,
                docs_url: None,
                details: Map::new(),
                retryable: error.retryable(),
                correlation_id: None,
            };
        }
        Self {
            class,
            code: error.code(),
            message: error.message().to_owned(),
            hint: error.hint().map(str::to_owned),
            location: error.location().cloned(),
            traceback: error.traceback().map(str::to_owned),
            action_url: error.action_url().map(str::to_owned),
            docs_url: error.docs_url().map(str::to_owned),
            details: error.details().clone(),
            retryable: error.retryable(),
            correlation_id: None,
        }
    }
}

impl From<WireError> for Error {
    fn from(wire: WireError) -> Self {
        let mut error = Error::new(wire.code, wire.message);
        error.0.hint = wire.hint;
        error.0.location = wire.location;
        error.0.traceback = wire.traceback;
        error.0.action_url = wire.action_url;
        error.0.docs_url = wire.docs_url;
        error.0.details = wire.details;
        error.0.retryable = wire.retryable.then_some(true);
        error
    }
}

/// The envelope of an error response: `{"error": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WireErrorBody {
    /// The error.
    pub error: WireError,
}

const fn internal_message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::StoreUnavailable => "the store is not available, try again later",
        ErrorCode::ExecutorUnavailable => "no executor is available, try again later",
        ErrorCode::WorkerLost => "the worker running this was lost",
        _ => "an internal error occurred, its cause is in the server's log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_shape_is_kept() {
        let error = Error::new(ErrorCode::OauthTokenExpired, "Gmail OAuth token has expired")
            .with_action_url("https://wrens.ie/integrations/gmail/reauthorize");
        let id = CorrelationId::new("corr_abc123").unwrap();
        let body = WireErrorBody { error: WireError::from(&error).with_correlation_id(id) };
        assert_eq!(
            serde_json::to_value(&body).unwrap(),
            serde_json::json!({"error": {
                "type": "UserFacingConfigError",
                "code": "OAUTH_TOKEN_EXPIRED",
                "message": "Gmail OAuth token has expired",
                "action_url": "https://wrens.ie/integrations/gmail/reauthorize",
                "correlation_id": "corr_abc123",
            }})
        );
    }

    #[test]
    fn an_internal_error_leaves_with_its_code_only() {
        let error = Error::new(ErrorCode::Internal, "disk /dev/sda1 is on fire").with_hint("call someone");
        let wire = WireError::from(&error);
        assert!(!wire.message.contains("sda1"));
        assert_eq!(wire.hint, None);
    }
}
