//! The `CredentialVault` seam: the secrets of owners' integrations.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::error::Result;
use crate::id::OwnerId;

/// A credential to keep.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewCredential {
    /// The integration it belongs to.
    pub integration: String,
    /// The secret: an API key, an access token.
    pub secret: SecretString,
    /// What an OAuth provider gives to get the next access token.
    pub refresh_token: Option<SecretString>,
    /// What it allows, in the provider's words.
    pub scopes: Vec<String>,
    /// When the secret ends to be valid.
    pub expires_at: Option<DateTime<Utc>>,
}

impl NewCredential {
    /// Makes a credential without an end.
    #[must_use]
    pub fn new(integration: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self {
            integration: integration.into(),
            secret: secret.into(),
            refresh_token: None,
            scopes: Vec::new(),
            expires_at: None,
        }
    }

    /// Sets when the secret ends to be valid.
    #[must_use]
    pub fn with_expiry(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Sets what it allows.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Vec<String>) -> Self {
        self.scopes = scopes;
        self
    }
}

/// What may be shown of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialStatus {
    /// The integration.
    pub integration: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When the secret ends to be valid.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the vault can renew it alone.
    pub renewable: bool,
    /// Its version, from 1; grows with every put and refresh.
    pub version: u64,
}

impl CredentialStatus {
    /// Says whether it is of no use at `now`: ended, and not to be renewed without the user.
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        !self.renewable && self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Why a secret is taken out: written to the audit trail before the secret is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPurpose {
    /// What for, say `http.request` or `inject_env`.
    pub what: String,
    /// For which run, when it is for one.
    pub run_id: Option<crate::id::RunId>,
}

/// Keeps the credentials of owners.
#[async_trait]
pub trait CredentialVault: fmt::Debug + Send + Sync + 'static {
    /// Keeps a credential in place of the one the integration had; returns its version.
    async fn put(&self, owner: &OwnerId, credential: NewCredential, now: DateTime<Utc>) -> Result<u64>;

    /// Returns what may be shown of a credential; `None` when the integration has none.
    async fn status(&self, owner: &OwnerId, integration: &str, now: DateTime<Utc>) -> Result<Option<CredentialStatus>>;

    /// Lists what may be shown of the owner's credentials, by integration.
    async fn list(&self, owner: &OwnerId, now: DateTime<Utc>) -> Result<Vec<CredentialStatus>>;

    /// Deletes a credential; says whether there was one.
    async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool>;

    /// Returns the secret, refreshed first when it has ended or ends at once.
    ///
    /// # Errors
    /// `INTEGRATION_NOT_CONFIGURED` when there is none; `OAUTH_TOKEN_EXPIRED` when it has ended and cannot be renewed.
    async fn access(
        &self,
        owner: &OwnerId,
        integration: &str,
        purpose: AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString>;

    /// Wraps every credential anew under the current master key, resuming where an earlier call stopped; returns how many.
    async fn rotate(&self, now: DateTime<Utc>) -> Result<u64>;
}
