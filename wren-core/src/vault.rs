//! The `CredentialVault` seam: the secrets of owners' integrations.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use crate::error::Result;
use crate::id::{CorrelationId, OwnerId, RunId};

/// The name of the field that holds the secret itself: an API key, an access token.
pub const SECRET_FIELD: &str = "secret";
/// The name of the field that holds what an OAuth provider gives to get the next access token.
pub const REFRESH_TOKEN_FIELD: &str = "refresh_token";

/// How long before its end a secret is refreshed, so that it does not end on its way to the provider.
pub const REFRESH_MARGIN: TimeDelta = TimeDelta::seconds(60);

/// A credential to keep.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewCredential {
    /// The integration it belongs to: 1 to 128 letters, digits or `._-`.
    pub integration: String,
    /// The secret: an API key, an access token.
    pub secret: SecretString,
    /// What an OAuth provider gives to get the next access token.
    pub refresh_token: Option<SecretString>,
    /// What else is secret about it, by the names of the fields: a second token, a client's secret. Names are as those of
    /// integrations, and neither [`SECRET_FIELD`] nor [`REFRESH_TOKEN_FIELD`].
    pub fields: BTreeMap<String, SecretString>,
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
            fields: BTreeMap::new(),
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

    /// Sets what gets the next secret.
    #[must_use]
    pub fn with_refresh_token(mut self, token: impl Into<SecretString>) -> Self {
        self.refresh_token = Some(token.into());
        self
    }

    /// Adds another secret by name.
    #[must_use]
    pub fn with_field(mut self, name: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        self.fields.insert(name.into(), secret.into());
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
    pub run_id: Option<RunId>,
    /// For which request to the platform, when it is for one.
    pub correlation_id: Option<CorrelationId>,
}

impl AccessPurpose {
    /// Makes a purpose of no run and no request.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), run_id: None, correlation_id: None }
    }

    /// Sets the run.
    #[must_use]
    pub fn for_run(mut self, id: RunId) -> Self {
        self.run_id = Some(id);
        self
    }

    /// Sets the request.
    #[must_use]
    pub fn with_correlation_id(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }
}

/// A credential that is being refreshed, as the provider's side sees it.
#[derive(Debug, Clone)]
pub struct Refreshing {
    /// Whose it is.
    pub owner: OwnerId,
    /// Its integration.
    pub integration: String,
    /// What gets the next secret. A provider may take it once only.
    pub refresh_token: SecretString,
    /// Its other secrets.
    pub fields: BTreeMap<String, SecretString>,
    /// What it allows.
    pub scopes: Vec<String>,
}

impl Refreshing {
    /// Returns the credential to keep after the provider's answer. What the answer leaves out stays as it was: RFC 6749,
    /// section 6, lets a provider keep silent about the refresh token and the scopes when they did not change.
    #[must_use]
    pub fn answered(self, answer: NewCredential) -> NewCredential {
        let mut fields = self.fields;
        fields.extend(answer.fields);
        NewCredential {
            integration: self.integration,
            secret: answer.secret,
            refresh_token: answer.refresh_token.or(Some(self.refresh_token)),
            fields,
            scopes: if answer.scopes.is_empty() { self.scopes } else { answer.scopes },
            expires_at: answer.expires_at,
        }
    }
}

/// Gets the next secret of a credential from its provider. A vault calls it once at a time for one credential, in all
/// processes that share the vault's store.
#[async_trait]
pub trait CredentialRefresher: fmt::Debug + Send + Sync + 'static {
    /// Says whether it can refresh credentials of that integration.
    fn serves(&self, integration: &str) -> bool;

    /// Trades the refresh token for the next secret.
    ///
    /// # Errors
    /// `OAUTH_TOKEN_EXPIRED` when the provider refuses the refresh token for good: the vault then asks no more until the
    /// user has connected the integration again. Any other code means that a later attempt may succeed.
    async fn refresh(&self, credential: &Refreshing, now: DateTime<Utc>) -> Result<NewCredential>;
}

/// Keeps the credentials of owners.
#[async_trait]
pub trait CredentialVault: fmt::Debug + Send + Sync + 'static {
    /// Keeps a credential in place of the one the integration had; returns its version.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the name of the integration or of a field is none.
    async fn put(&self, owner: &OwnerId, credential: NewCredential, now: DateTime<Utc>) -> Result<u64>;

    /// Returns what may be shown of a credential; `None` when the integration has none.
    async fn status(&self, owner: &OwnerId, integration: &str, now: DateTime<Utc>) -> Result<Option<CredentialStatus>>;

    /// Lists what may be shown of the owner's credentials, by integration.
    async fn list(&self, owner: &OwnerId, now: DateTime<Utc>) -> Result<Vec<CredentialStatus>>;

    /// Deletes a credential; says whether there was one.
    async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool>;

    /// Returns the secret, refreshed first when it has ended or ends within [`REFRESH_MARGIN`].
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

    /// Returns one field of the credential as it is kept; nothing is refreshed for it.
    ///
    /// # Errors
    /// `INTEGRATION_NOT_CONFIGURED` when there is no credential; `NOT_FOUND` when it has no such field.
    async fn access_field(
        &self,
        owner: &OwnerId,
        integration: &str,
        field: &str,
        purpose: AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString>;

    /// Returns the secret that follows one which the provider refused before its end. It is refreshed only while `refused`
    /// is the one that is kept: of many callers that were refused at once, one refreshes. A secret that was refused, and that
    /// the provider does not renew either, has ended, whatever its time was.
    ///
    /// # Errors
    /// As [`access`](Self::access); `OAUTH_TOKEN_EXPIRED` also when the credential cannot be renewed at all.
    async fn refresh(
        &self,
        owner: &OwnerId,
        integration: &str,
        refused: &SecretString,
        purpose: AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString>;

    /// Wraps every credential anew under the current master key, resuming where an earlier call stopped; returns how many.
    async fn rotate(&self, now: DateTime<Utc>) -> Result<u64>;
}
