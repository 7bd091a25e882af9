//! Integrations on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wren_core::integration::{Integration, IntegrationReport};
use wren_core::vault::CredentialStatus;
use wren_core::{Error, ErrorClass, ErrorCode, WireError};

use crate::openapi::words;

/// Whether integrations are ready: the answer of `POST /v1/integrations/validate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// Whether a script with these integrations can run.
    pub valid: bool,
    /// What keeps it from running; absent when nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<IntegrationProblem>,
    /// What will keep it from running soon; absent only from a failure without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warnings: Option<Vec<String>>,
}

/// What is wrong with one integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntegrationProblem {
    /// Who must act.
    #[serde(rename = "type")]
    #[schema(value_type = words::ErrorClass)]
    pub class: ErrorClass,
    /// The stable code.
    #[schema(value_type = words::ErrorCode)]
    pub code: ErrorCode,
    /// The integration, as it was asked for.
    pub integration: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The page on which the user can act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    pub action_url: Option<String>,
    /// The page that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
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

/// Whether an integration can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// There is a credential.
    Connected,
    /// There is one, and it has ended.
    Expired,
    /// There is none.
    NotConnected,
}

/// An integration, as an owner has it: an answer of `GET /v1/integrations/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntegrationView {
    /// The name that scripts import.
    pub name: String,
    /// The name that people read.
    pub title: String,
    /// Whether it can be used, as far as is known here: the service may have ended a credential and not been asked since.
    pub status: ConnectionStatus,
    /// What the credential allows, in the service's words; empty when it does not say.
    pub scopes: Vec<String>,
    /// When the credential ends; null when it has no end or there is none.
    #[schema(required = true)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it is renewed without the user.
    pub renewable: bool,
    /// Grows with every credential that is set or renewed; 0 before the first.
    pub version: u64,
}

impl IntegrationView {
    /// Describes an integration by its credential.
    #[must_use]
    pub fn new(integration: &Integration, credential: Option<&CredentialStatus>, now: DateTime<Utc>) -> Self {
        let status = match credential {
            None => ConnectionStatus::NotConnected,
            Some(credential) if credential.is_expired(now) => ConnectionStatus::Expired,
            Some(_) => ConnectionStatus::Connected,
        };
        Self {
            name: integration.name.clone(),
            title: integration.title.clone(),
            status,
            scopes: credential.map(|credential| credential.scopes.clone()).unwrap_or_default(),
            expires_at: credential.and_then(|credential| credential.expires_at),
            renewable: credential.is_some_and(|credential| credential.renewable),
            version: credential.map_or(0, |credential| credential.version),
        }
    }
}

/// The answer of `GET /v1/integrations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntegrationList {
    /// Every integration that the server knows, by name.
    pub integrations: Vec<IntegrationView>,
}

/// A link for a user: the answer of `POST /v1/integrations/{name}/connect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectLink {
    /// The page to open.
    #[schema(format = "uri")]
    pub url: String,
    /// When the link ends.
    pub expires_at: DateTime<Utc>,
}
