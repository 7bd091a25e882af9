//! What a case gets: a vault, and the provider that it refreshes from.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use wren_core::vault::{AccessPurpose, CredentialStatus, CredentialVault, NewCredential};
use wren_core::{ErrorCode, OwnerId, Result};

use super::FakeProvider;

/// A fresh, empty vault, with what keeps it alive.
pub struct VaultUnderTest {
    /// The vault.
    pub vault: Arc<dyn CredentialVault>,
    pub(super) provider: Arc<FakeProvider>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for VaultUnderTest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VaultUnderTest").field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl VaultUnderTest {
    /// Makes one of a vault.
    #[must_use]
    pub fn new(vault: Arc<dyn CredentialVault>) -> Self {
        Self { vault, provider: Arc::default(), _guard: Box::new(()) }
    }

    /// Keeps something alive for as long as the case runs: a temporary folder, a server.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Any + Send + Sync) -> Self {
        self._guard = Box::new(guard);
        self
    }

    /// Sets the provider that the vault was made with.
    #[doc(hidden)]
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<FakeProvider>) -> Self {
        self.provider = provider;
        self
    }

    pub(super) async fn put(&self, owner: &OwnerId, credential: NewCredential, now: DateTime<Utc>) -> u64 {
        self.vault.put(owner, credential, now).await.unwrap()
    }

    pub(super) async fn access(&self, owner: &OwnerId, integration: &str, now: DateTime<Utc>) -> Result<String> {
        exposed(self.vault.access(owner, integration, purpose(), now).await)
    }

    pub(super) async fn field(&self, owner: &OwnerId, integration: &str, field: &str) -> Result<String> {
        exposed(self.vault.access_field(owner, integration, field, purpose(), crate::fixtures::NOW).await)
    }

    pub(super) async fn refresh(
        &self,
        owner: &OwnerId,
        integration: &str,
        refused: &str,
        now: DateTime<Utc>,
    ) -> Result<String> {
        exposed(self.vault.refresh(owner, integration, &refused.into(), purpose(), now).await)
    }

    pub(super) async fn status(&self, owner: &OwnerId, integration: &str) -> Option<CredentialStatus> {
        self.vault.status(owner, integration, crate::fixtures::NOW).await.unwrap()
    }
}

pub(super) fn purpose() -> AccessPurpose {
    AccessPurpose::new("conformance")
}

pub(super) fn exposed(secret: Result<SecretString>) -> Result<String> {
    secret.map(|secret| secret.expose_secret().to_owned())
}

/// Returns the code of a refusal, whose texts must not have the secret in them.
pub(super) fn refused(result: Result<String>, secrets: &[&str]) -> ErrorCode {
    let error = result.unwrap_err();
    let shown = format!("{error} {error:?} {}", error.chain());
    for secret in secrets {
        assert!(!shown.contains(secret), "{shown}");
    }
    error.code()
}
