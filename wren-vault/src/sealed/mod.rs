//! The vault that seals credentials and keeps them on any record store.

mod overview;
mod progress;
mod rotation;
mod shelf;

use std::fmt;
use std::sync::Arc;

pub use overview::{RotationOverview, VaultOverview};
pub use progress::RotationPhase;
use shelf::SealedShelf;
use wren_core::Result;
use wren_core::integration::IntegrationDirectory;
use wren_core::store::RecordStore;
use wren_core::vault::CredentialRefresher;

use crate::audit::AuditTrail;
use crate::custodian::Custodian;
use crate::keyring::{self, Keyring};
use crate::master::{MasterKey, Masters};

/// A [`CredentialVault`](wren_core::vault::CredentialVault) of sealed records on a record store.
#[derive(Clone)]
pub struct SealedVault {
    pub(crate) custodian: Arc<Custodian<SealedShelf>>,
}

impl fmt::Debug for SealedVault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masters = &self.custodian.shelf.keyring.masters;
        formatter.debug_struct("SealedVault").field("master", &masters.current).finish_non_exhaustive()
    }
}

impl SealedVault {
    /// Begins a vault on a store, under a master key.
    #[must_use]
    pub fn builder(records: Arc<dyn RecordStore>, master: Arc<dyn MasterKey>) -> SealedVaultBuilder {
        SealedVaultBuilder {
            records,
            masters: Masters { current: master, previous: Vec::new() },
            integrations: IntegrationDirectory::default(),
            refresher: None,
        }
    }

    /// Returns the audit trail.
    #[must_use]
    pub fn audit(&self) -> &AuditTrail {
        &self.custodian.audit
    }
}

/// A vault that is being opened.
#[derive(Debug)]
pub struct SealedVaultBuilder {
    records: Arc<dyn RecordStore>,
    masters: Masters,
    integrations: IntegrationDirectory,
    refresher: Option<Arc<dyn CredentialRefresher>>,
}

impl SealedVaultBuilder {
    /// Adds a master key of another source that credentials may still be sealed under. The next rotation moves them.
    #[must_use]
    pub fn with_previous_master(mut self, master: Arc<dyn MasterKey>) -> Self {
        self.masters.previous.push(master);
        self
    }

    /// Sets the directory that errors take titles and links from.
    #[must_use]
    pub fn with_integrations(mut self, integrations: IntegrationDirectory) -> Self {
        self.integrations = integrations;
        self
    }

    /// Sets who gets the next secret of what has ended. Without one nothing is renewable.
    #[must_use]
    pub fn with_refresher(mut self, refresher: Arc<dyn CredentialRefresher>) -> Self {
        self.refresher = Some(refresher);
        self
    }

    /// Opens the vault.
    ///
    /// # Errors
    /// `VAULT_LOCKED` when credentials are sealed under a master key that was not given; `STORE_UNAVAILABLE`.
    pub async fn open(self) -> Result<SealedVault> {
        // Said now rather than by the first run that needs a secret.
        if let Some(owner) = keyring::next_owner(&*self.records, None).await? {
            let keyring = Keyring::new(Arc::clone(&self.records), self.masters.clone());
            keyring.current(&owner).await?;
        }
        let keyring = Keyring::new(Arc::clone(&self.records), self.masters);
        let shelf = SealedShelf { records: Arc::clone(&self.records), keyring };
        let custodian = Custodian::new(shelf, self.records, self.integrations, self.refresher);
        Ok(SealedVault { custodian: Arc::new(custodian) })
    }
}
