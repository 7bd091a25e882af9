//! What every vault does, wherever its credentials are: names, expiry, refresh, and the audit entry before the secret.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use wren_core::integration::IntegrationDirectory;
use wren_core::store::RecordStore;
use wren_core::vault::{
    AccessPurpose, CredentialRefresher, CredentialStatus, NewCredential, REFRESH_MARGIN, REFRESH_TOKEN_FIELD,
    SECRET_FIELD,
};
use wren_core::{Error, ErrorCode, OwnerId, Result};

use crate::audit::{AuditEntry, AuditTrail};
use crate::name;
use crate::refresh::{Flights, Stale};
use crate::shelf::{Credential, Kept, Shelf, Wanted};

/// A vault over a shelf.
#[derive(Debug)]
pub(crate) struct Custodian<S> {
    pub(crate) shelf: S,
    /// For claims on refreshes.
    pub(crate) records: Arc<dyn RecordStore>,
    pub(crate) audit: AuditTrail,
    pub(crate) integrations: IntegrationDirectory,
    pub(crate) refresher: Option<Arc<dyn CredentialRefresher>>,
    pub(crate) flights: Flights,
}

impl<S: Shelf> Custodian<S> {
    pub(crate) fn new(
        shelf: S,
        records: Arc<dyn RecordStore>,
        integrations: IntegrationDirectory,
        refresher: Option<Arc<dyn CredentialRefresher>>,
    ) -> Self {
        let audit = AuditTrail::new(Arc::clone(&records));
        Self { shelf, records, audit, integrations, refresher, flights: Flights::default() }
    }

    /// Says whether the vault can get the next secret alone.
    pub(crate) fn is_renewable(&self, kept: &Kept) -> bool {
        let served = self.refresher.as_ref().is_some_and(|refresher| refresher.serves(&kept.integration));
        served && !kept.credential.about.refused && kept.has(REFRESH_TOKEN_FIELD)
    }

    fn status_of(&self, kept: Kept) -> CredentialStatus {
        let renewable = self.is_renewable(&kept);
        let about = kept.credential.about;
        CredentialStatus {
            integration: kept.integration,
            scopes: about.scopes,
            expires_at: about.expires_at,
            renewable,
            version: kept.version,
        }
    }

    pub(crate) async fn put(&self, owner: &OwnerId, new: NewCredential) -> Result<u64> {
        name::check_credential(&new)?;
        let integration = new.integration.clone();
        self.shelf.save(owner, &integration, &Credential::from(new), None).await
    }

    pub(crate) async fn status(&self, owner: &OwnerId, integration: &str) -> Result<Option<CredentialStatus>> {
        name::check_integration(integration)?;
        let kept = self.shelf.load(owner, integration, Wanted::Nothing).await?;
        Ok(kept.map(|kept| self.status_of(kept)))
    }

    pub(crate) async fn list(&self, owner: &OwnerId) -> Result<Vec<CredentialStatus>> {
        Ok(self.shelf.list(owner).await?.into_iter().map(|kept| self.status_of(kept)).collect())
    }

    pub(crate) async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool> {
        name::check_integration(integration)?;
        self.shelf.delete(owner, integration).await
    }

    pub(crate) async fn access(
        self: &Arc<Self>,
        owner: &OwnerId,
        integration: &str,
        purpose: &AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let mut kept = self.load(owner, integration, Wanted::Field(SECRET_FIELD)).await?;
        let ended = kept.has_ended(now);
        if !self.is_renewable(&kept) {
            if ended {
                return Err(self.integrations.ended_credential(integration));
            }
        } else if kept.has_ended(now + REFRESH_MARGIN) {
            let stale = Stale::EndsBy { at: now + REFRESH_MARGIN, seen: kept.version };
            match self.refreshed(owner, integration, stale, purpose, now).await {
                Ok(refreshed) => kept = refreshed,
                Err(error) if ended => return Err(error),
                // It is still good for a moment, which is better than a run that fails.
                Err(error) => {
                    tracing::warn!(%owner, integration, error = error.chain(), "a credential was not refreshed")
                }
            }
        }
        self.hand_out(owner, SECRET_FIELD, kept, purpose, now).await
    }

    pub(crate) async fn access_field(
        &self,
        owner: &OwnerId,
        integration: &str,
        field: &str,
        purpose: &AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        name::check_field(field)?;
        let kept = self.load(owner, integration, Wanted::Field(field)).await?;
        self.hand_out(owner, field, kept, purpose, now).await
    }

    pub(crate) async fn refresh(
        self: &Arc<Self>,
        owner: &OwnerId,
        integration: &str,
        refused: &SecretString,
        purpose: &AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let mut kept = self.load(owner, integration, Wanted::Field(SECRET_FIELD)).await?;
        if kept.is_secret(refused) {
            if !self.is_renewable(&kept) {
                return Err(self.integrations.ended_credential(integration));
            }
            kept = self.refreshed(owner, integration, Stale::Refused(refused.clone()), purpose, now).await?;
        }
        self.hand_out(owner, SECRET_FIELD, kept, purpose, now).await
    }

    /// Returns the credential, or says that there is none.
    pub(crate) async fn load(&self, owner: &OwnerId, integration: &str, wanted: Wanted<'_>) -> Result<Kept> {
        name::check_integration(integration)?;
        let kept = self.shelf.load(owner, integration, wanted).await?;
        kept.ok_or_else(|| self.integrations.without_credential(integration))
    }

    /// Returns a secret after the audit trail has it. Without the entry there is no secret.
    async fn hand_out(
        &self,
        owner: &OwnerId,
        field: &str,
        mut kept: Kept,
        purpose: &AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let secret = kept
            .credential
            .secrets
            .remove(field)
            .ok_or_else(|| Error::not_found(format!("field `{field}` of `{}`", kept.integration)))?;
        self.write_audit(owner, field, &kept, purpose, now).await?;
        Ok(secret)
    }

    pub(crate) async fn write_audit(
        &self,
        owner: &OwnerId,
        field: &str,
        kept: &Kept,
        purpose: &AccessPurpose,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let entry = AuditEntry::new((owner, &kept.integration, field), kept.version, purpose, now);
        self.audit.write(&entry).await.map_err(|error| {
            let message = "the access could not be written to the audit trail, so the secret stays in the vault";
            Error::new(ErrorCode::StoreUnavailable, message).with_source(error)
        })
    }
}

/// Implements the seam for a vault that has a custodian and rotates in its own way.
macro_rules! credential_vault {
    ($vault:ty, $rotate:ident) => {
        #[async_trait::async_trait]
        impl wren_core::vault::CredentialVault for $vault {
            async fn put(
                &self,
                owner: &wren_core::OwnerId,
                credential: wren_core::vault::NewCredential,
                _now: chrono::DateTime<chrono::Utc>,
            ) -> wren_core::Result<u64> {
                self.custodian.put(owner, credential).await
            }

            async fn status(
                &self,
                owner: &wren_core::OwnerId,
                integration: &str,
                _now: chrono::DateTime<chrono::Utc>,
            ) -> wren_core::Result<Option<wren_core::vault::CredentialStatus>> {
                self.custodian.status(owner, integration).await
            }

            async fn list(
                &self,
                owner: &wren_core::OwnerId,
                _now: chrono::DateTime<chrono::Utc>,
            ) -> wren_core::Result<Vec<wren_core::vault::CredentialStatus>> {
                self.custodian.list(owner).await
            }

            async fn delete(&self, owner: &wren_core::OwnerId, integration: &str) -> wren_core::Result<bool> {
                self.custodian.delete(owner, integration).await
            }

            async fn access(
                &self,
                owner: &wren_core::OwnerId,
                integration: &str,
                purpose: wren_core::vault::AccessPurpose,
                now: chrono::DateTime<chrono::Utc>,
            ) -> wren_core::Result<secrecy::SecretString> {
                self.custodian.access(owner, integration, &purpose, now).await
            }

            async fn access_field(
                &self,
                owner: &wren_core::OwnerId,
                integration: &str,
                field: &str,
                purpose: wren_core::vault::AccessPurpose,
                now: chrono::DateTime<chrono::Utc>,
            ) -> wren_core::Result<secrecy::SecretString> {
                self.custodian.access_field(owner, integration, field, &purpose, now).await
            }

            async fn refresh(
                &self,
                owner: &wren_core::OwnerId,
                integration: &str,
                refused: &secrecy::SecretString,
                purpose: wren_core::vault::AccessPurpose,
                now: chrono::DateTime<chrono::Utc>,
            ) -> wren_core::Result<secrecy::SecretString> {
                self.custodian.refresh(owner, integration, refused, &purpose, now).await
            }

            async fn rotate(&self, now: chrono::DateTime<chrono::Utc>) -> wren_core::Result<u64> {
                self.$rotate(now).await
            }
        }
    };
}

credential_vault!(crate::SealedVault, rotate_all);
credential_vault!(crate::OpenBaoVault, count_all);
