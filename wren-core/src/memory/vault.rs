//! Credentials in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorCode, Result};
use crate::id::OwnerId;
use crate::integration::IntegrationDirectory;
use crate::vault::{
    AccessPurpose, CredentialRefresher, CredentialStatus, CredentialVault, NewCredential, REFRESH_MARGIN,
    REFRESH_TOKEN_FIELD, Refreshing, SECRET_FIELD,
};

/// A [`CredentialVault`] in memory, for tests. It keeps secrets unsealed. Its audit trail is the log.
#[derive(Default)]
pub struct MemoryVault {
    integrations: IntegrationDirectory,
    refresher: Option<Arc<dyn CredentialRefresher>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    credentials: Mutex<Credentials>,
    /// Held while a provider is asked: one refresh at a time is enough for tests.
    refreshing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Credentials {
    by_key: BTreeMap<(OwnerId, String), Kept>,
    /// The latest version of each, kept when it is deleted, so that a version names one secret for ever.
    versions: BTreeMap<(OwnerId, String), u64>,
}

#[derive(Clone)]
struct Kept {
    version: u64,
    credential: NewCredential,
    /// Whether the provider refused its refresh token for good.
    refused: bool,
}

impl MemoryVault {
    /// Makes an empty vault whose errors link to the pages of the default directory, and which renews nothing.
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

    /// Sets who gets the next secret of what has ended.
    #[must_use]
    pub fn with_refresher(mut self, refresher: Arc<dyn CredentialRefresher>) -> Self {
        self.refresher = Some(refresher);
        self
    }

    fn kept(&self, owner: &OwnerId, integration: &str) -> Result<Kept> {
        let found = self.shared.credentials.lock().by_key.get(&(owner.clone(), integration.to_owned())).cloned();
        found.ok_or_else(|| self.integrations.without_credential(integration))
    }

    fn status_of(&self, kept: &Kept) -> CredentialStatus {
        let credential = &kept.credential;
        let served = self.refresher.as_ref().is_some_and(|refresher| refresher.serves(&credential.integration));
        CredentialStatus {
            integration: credential.integration.clone(),
            scopes: credential.scopes.clone(),
            expires_at: credential.expires_at,
            renewable: served && !kept.refused && credential.refresh_token.is_some(),
            version: kept.version,
        }
    }

    /// Refreshes the credential if it is still the one at `version`. Its secret has ended by `end` if the provider refuses.
    async fn renewed(
        &self,
        owner: &OwnerId,
        integration: &str,
        (version, end): (u64, Option<DateTime<Utc>>),
        now: DateTime<Utc>,
    ) -> Result<Kept> {
        let turn = Arc::clone(&self.shared.refreshing).lock_owned().await;
        let kept = self.kept(owner, integration)?;
        if kept.version != version {
            return Ok(kept);
        }
        let (Some(refresher), Some(refresh_token)) = (self.refresher.clone(), kept.credential.refresh_token) else {
            return Err(self.integrations.ended_credential(integration));
        };
        let refreshing = Refreshing {
            owner: owner.clone(),
            integration: integration.to_owned(),
            refresh_token,
            fields: kept.credential.fields,
            scopes: kept.credential.scopes,
        };
        let shared = Arc::clone(&self.shared);
        // A task of its own, which a caller that goes away does not stop between the provider's answer and its being kept.
        let task = tokio::spawn(async move {
            let _turn = turn;
            let answer = refresher.refresh(&refreshing, now).await;
            shared.credentials.lock().settle((version, end), refreshing, answer)
        });
        task.await.map_err(|error| Error::internal("a credential's refresh was broken off", error))??;
        self.kept(owner, integration)
    }
}

impl Credentials {
    fn put(&mut self, owner: &OwnerId, credential: NewCredential) -> u64 {
        let key = (owner.clone(), credential.integration.clone());
        let version = self.versions.entry(key.clone()).or_default();
        *version += 1;
        let version = *version;
        self.by_key.insert(key, Kept { version, credential, refused: false });
        version
    }

    /// Keeps what a provider answered, unless the credential is another one by now.
    fn settle(
        &mut self,
        (version, end): (u64, Option<DateTime<Utc>>),
        asked: Refreshing,
        answer: Result<NewCredential>,
    ) -> Result<()> {
        let key = (asked.owner.clone(), asked.integration.clone());
        let Some(kept) = self.by_key.get_mut(&key).filter(|kept| kept.version == version) else { return Ok(()) };
        match answer {
            Ok(answer) => {
                self.put(&key.0, asked.answered(answer));
                Ok(())
            }
            Err(error) => {
                if error.code() == ErrorCode::OauthTokenExpired {
                    kept.refused = true;
                    kept.credential.expires_at = end;
                }
                Err(error)
            }
        }
    }
}

impl fmt::Debug for MemoryVault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryVault").finish_non_exhaustive()
    }
}

fn log(owner: &OwnerId, kept: &Kept, field: &str, purpose: &AccessPurpose) {
    let (integration, version) = (&kept.credential.integration, kept.version);
    tracing::info!(%owner, integration, field, version, what = purpose.what, run_id = ?purpose.run_id, "credential taken out");
}

#[async_trait]
impl CredentialVault for MemoryVault {
    async fn put(&self, owner: &OwnerId, credential: NewCredential, _now: DateTime<Utc>) -> Result<u64> {
        Ok(self.shared.credentials.lock().put(owner, credential))
    }

    async fn status(
        &self,
        owner: &OwnerId,
        integration: &str,
        _now: DateTime<Utc>,
    ) -> Result<Option<CredentialStatus>> {
        let key = (owner.clone(), integration.to_owned());
        Ok(self.shared.credentials.lock().by_key.get(&key).map(|kept| self.status_of(kept)))
    }

    async fn list(&self, owner: &OwnerId, _now: DateTime<Utc>) -> Result<Vec<CredentialStatus>> {
        let credentials = self.shared.credentials.lock();
        Ok(credentials
            .by_key
            .range((owner.clone(), String::new())..)
            .take_while(|((other, _), _)| other == owner)
            .map(|(_, kept)| self.status_of(kept))
            .collect())
    }

    async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool> {
        Ok(self.shared.credentials.lock().by_key.remove(&(owner.clone(), integration.to_owned())).is_some())
    }

    async fn access(
        &self,
        owner: &OwnerId,
        integration: &str,
        purpose: AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let mut kept = self.kept(owner, integration)?;
        let status = self.status_of(&kept);
        let end = kept.credential.expires_at;
        if status.renewable && end.is_some_and(|end| end <= now + REFRESH_MARGIN) {
            match self.renewed(owner, integration, (kept.version, end), now).await {
                Ok(renewed) => kept = renewed,
                Err(error) if end.is_some_and(|end| end <= now) => return Err(error),
                Err(error) => {
                    tracing::warn!(%owner, integration, error = error.chain(), "credential not refreshed yet")
                }
            }
        } else if status.is_expired(now) {
            return Err(self.integrations.ended_credential(integration));
        }
        log(owner, &kept, SECRET_FIELD, &purpose);
        Ok(kept.credential.secret)
    }

    async fn access_field(
        &self,
        owner: &OwnerId,
        integration: &str,
        field: &str,
        purpose: AccessPurpose,
        _now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let kept = self.kept(owner, integration)?;
        log(owner, &kept, field, &purpose);
        let mut credential = kept.credential;
        match field {
            SECRET_FIELD => Some(credential.secret),
            REFRESH_TOKEN_FIELD => credential.refresh_token,
            _ => credential.fields.remove(field),
        }
        .ok_or_else(|| Error::not_found(format!("field `{field}` of `{integration}`")))
    }

    async fn refresh(
        &self,
        owner: &OwnerId,
        integration: &str,
        refused: &SecretString,
        purpose: AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let kept = self.kept(owner, integration)?;
        let same = kept.credential.secret.expose_secret().as_bytes().ct_eq(refused.expose_secret().as_bytes());
        let kept = match (bool::from(same), self.status_of(&kept).renewable) {
            (false, _) => kept,
            (true, true) => {
                let end = kept.credential.expires_at.map_or(now, |end| end.min(now));
                self.renewed(owner, integration, (kept.version, Some(end)), now).await?
            }
            (true, false) => return Err(self.integrations.ended_credential(integration)),
        };
        log(owner, &kept, SECRET_FIELD, &purpose);
        Ok(kept.credential.secret)
    }

    async fn rotate(&self, _now: DateTime<Utc>) -> Result<u64> {
        // Nothing is wrapped, so nothing is wrapped anew; the answer is still how many were looked at.
        Ok(self.shared.credentials.lock().by_key.len() as u64)
    }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
