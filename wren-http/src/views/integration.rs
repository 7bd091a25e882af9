//! Integrations on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wren_core::engine::IntegrationReport;
use wren_core::{Error, ErrorClass, ErrorCode, WireError};

/// Whether integrations are ready: the answer of `POST /v1/integrations/validate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Whether a script with these integrations can run.
    pub valid: bool,
    /// What keeps it from running; absent when nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<IntegrationProblem>,
    /// What will keep it from running soon; absent only from a failure without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<String>>,
}

/// What is wrong with one integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntegrationProblem {
    /// Who must act.
    #[serde(rename = "type")]
    pub class: ErrorClass,
    /// The stable code.
    pub code: ErrorCode,
    /// The integration, as it was asked for.
    pub integration: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The page on which the user can act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
    /// The page that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs_url: Option<String>,
}

impl From<&Error> for IntegrationProblem {
    fn from(error: &Error) -> Self {
        let wire = WireError::from(error);
        let integration = error.details().get("integration").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            class: wire.class,
            code: wire.code,
            integration,
            message: wire.message,
            hint: wire.hint,
            action_url: wire.action_url,
            docs_url: wire.docs_url,
        }
    }
}

impl From<&IntegrationReport> for Validation {
    fn from(report: &IntegrationReport) -> Self {
        let valid = report.errors.is_empty();
        let warnings = (valid || !report.warnings.is_empty()).then(|| report.warnings.clone());
        Self { valid, errors: report.errors.iter().map(IntegrationProblem::from).collect(), warnings }
    }
}
