//! Credentials in memory.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use secrecy::SecretString;

use crate::error::{Error, ErrorCode, Result};
use crate::id::OwnerId;
use crate::integration::IntegrationDirectory;
use crate::vault::{AccessPurpose, CredentialStatus, CredentialVault, NewCredential};

/// A [`CredentialVault`] in memory, for tests. It keeps secrets unsealed and renews none: a refresh token is kept and never
/// used. Its audit trail is the log.
#[derive(Default)]
pub struct MemoryVault {
    integrations: IntegrationDirectory,
    credentials: Mutex<Credentials>,
}

#[derive(Default)]
struct Credentials {
    by_key: BTreeMap<(OwnerId, String), (u64, NewCredential)>,
    /// The latest version of each, kept when it is deleted, so that a version names one secret for ever.
    versions: BTreeMap<(OwnerId, String), u64>,
}

impl MemoryVault {
    /// Makes an empty vault whose errors link to the pages of the default directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the directory that errors take titles and links from.
    #[must_use]
    pub fn with_integrations(mut self, integrations: IntegrationDirectory) -> Self {
        self.integrations = integrations;
        self
    }

    fn missing(&self, integration: &str) -> Error {
        match self.integrations.find(integration) {
            Some(known) => self.integrations.not_configured(known),
            None => Error::new(ErrorCode::IntegrationNotConfigured, format!("`{integration}` has no credential"))
                .with_detail("integration", integration),
        }
    }

    fn expired(&self, integration: &str) -> Error {
        match self.integrations.find(integration) {
            Some(known) => self.integrations.expired(known),
            None => Error::new(ErrorCode::OauthTokenExpired, format!("the credential of `{integration}` has expired"))
                .with_detail("integration", integration),
        }
    }
}

impl fmt::Debug for MemoryVault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryVault").finish_non_exhaustive()
    }
}

fn status_of(version: u64, credential: &NewCredential) -> CredentialStatus {
    CredentialStatus {
        integration: credential.integration.clone(),
        scopes: credential.scopes.clone(),
        expires_at: credential.expires_at,
        renewable: false,
        version,
    }
}

#[async_trait]
impl CredentialVault for MemoryVault {
    async fn put(&self, owner: &OwnerId, credential: NewCredential, _now: DateTime<Utc>) -> Result<u64> {
        let key = (owner.clone(), credential.integration.clone());
        let mut credentials = self.credentials.lock();
        let version = credentials.versions.entry(key.clone()).or_default();
        *version += 1;
        let version = *version;
        credentials.by_key.insert(key, (version, credential));
        Ok(version)
    }

    async fn status(
        &self,
        owner: &OwnerId,
        integration: &str,
        _now: DateTime<Utc>,
    ) -> Result<Option<CredentialStatus>> {
        let key = (owner.clone(), integration.to_owned());
        Ok(self.credentials.lock().by_key.get(&key).map(|(version, credential)| status_of(*version, credential)))
    }

    async fn list(&self, owner: &OwnerId, _now: DateTime<Utc>) -> Result<Vec<CredentialStatus>> {
        let credentials = self.credentials.lock();
        Ok(credentials
            .by_key
            .range((owner.clone(), String::new())..)
            .take_while(|((other, _), _)| other == owner)
            .map(|(_, (version, credential))| status_of(*version, credential))
            .collect())
    }

    async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool> {
        Ok(self.credentials.lock().by_key.remove(&(owner.clone(), integration.to_owned())).is_some())
    }

    async fn access(
        &self,
        owner: &OwnerId,
        integration: &str,
        purpose: AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let credentials = self.credentials.lock();
        let (version, credential) = credentials
            .by_key
            .get(&(owner.clone(), integration.to_owned()))
            .ok_or_else(|| self.missing(integration))?;
        if status_of(*version, credential).is_expired(now) {
            return Err(self.expired(integration));
        }
        tracing::info!(%owner, integration, version, what = purpose.what, run_id = ?purpose.run_id, "credential taken out");
        Ok(credential.secret.clone())
    }

    async fn rotate(&self, _now: DateTime<Utc>) -> Result<u64> {
        // Nothing is wrapped, so nothing is wrapped anew; the answer is still how many were looked at.
        Ok(self.credentials.lock().by_key.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use secrecy::ExposeSecret;

    use super::*;

    fn ada() -> OwnerId {
        OwnerId::new("ada").unwrap()
    }

    fn purpose() -> AccessPurpose {
        AccessPurpose { what: "http.request".into(), run_id: None }
    }

    #[tokio::test]
    async fn a_credential_is_its_owners_alone() {
        let (vault, now) = (MemoryVault::new(), Utc::now());
        let bob = OwnerId::new("bob").unwrap();
        vault.put(&ada(), NewCredential::new("slack", "xoxb"), now).await.unwrap();
        assert_eq!(vault.access(&ada(), "slack", purpose(), now).await.unwrap().expose_secret(), "xoxb");
        let error = vault.access(&bob, "slack", purpose(), now).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
        assert!(error.action_url().is_some());
        assert_eq!(vault.list(&bob, now).await.unwrap(), []);
        assert!(!vault.delete(&bob, "slack").await.unwrap());
        assert_eq!(vault.list(&ada(), now).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn versions_grow_over_puts_and_deletes() {
        let (vault, now) = (MemoryVault::new(), Utc::now());
        for version in 1..=3 {
            assert_eq!(vault.put(&ada(), NewCredential::new("slack", "x"), now).await.unwrap(), version);
            assert_eq!(vault.status(&ada(), "slack", now).await.unwrap().unwrap().version, version);
            assert!(vault.delete(&ada(), "slack").await.unwrap());
            assert_eq!(vault.status(&ada(), "slack", now).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn an_ended_credential_is_not_handed_out() {
        let (vault, now) = (MemoryVault::new(), Utc::now());
        let credential = NewCredential::new("gmail", "ya29").with_expiry(now);
        vault.put(&ada(), credential, now).await.unwrap();
        let error = vault.access(&ada(), "gmail", purpose(), now).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::OauthTokenExpired);
        assert!(vault.access(&ada(), "gmail", purpose(), now - TimeDelta::seconds(1)).await.is_ok());
    }

    #[test]
    fn nothing_prints_a_secret() {
        assert_eq!(format!("{:?}", MemoryVault::new()), "MemoryVault { .. }");
        assert!(!format!("{:?}", NewCredential::new("slack", "xoxb")).contains("xoxb"));
    }
}
