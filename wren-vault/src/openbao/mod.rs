//! OpenBao and HashiCorp Vault over their HTTP API: credentials in KV version 2, and transit as a master key.
//!
//! The API is small and plain JSON, and `reqwest` is here already.

mod client;
mod kv;
mod transit;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use client::Client;
pub use client::OpenBaoOptions;
use kv::KvShelf;
pub use transit::TransitMaster;
use wren_core::Result;
use wren_core::integration::IntegrationDirectory;
use wren_core::store::RecordStore;
use wren_core::vault::CredentialRefresher;

use crate::audit::AuditTrail;
use crate::custodian::Custodian;

/// A [`CredentialVault`](wren_core::vault::CredentialVault) whose credentials are secrets of a KV engine, version 2. The audit
/// trail and the claims on refreshes are on the platform's store all the same.
///
/// A deleted credential's versions are destroyed there; that a later one goes on counting needs the secret's metadata, which
/// is kept. The engine's own limit says how many earlier versions of a credential stay readable there.
#[derive(Clone)]
pub struct OpenBaoVault {
    pub(crate) custodian: Arc<Custodian<KvShelf>>,
}

impl fmt::Debug for OpenBaoVault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenBaoVault").field("shelf", &self.custodian.shelf).finish_non_exhaustive()
    }
}

impl OpenBaoVault {
    /// Begins a vault on a server. The store has the audit trail and the claims.
    #[must_use]
    pub fn builder(options: OpenBaoOptions, records: Arc<dyn RecordStore>) -> OpenBaoVaultBuilder {
        OpenBaoVaultBuilder {
            options,
            records,
            mount: "secret".to_owned(),
            folder: "wren".to_owned(),
            integrations: IntegrationDirectory::default(),
            refresher: None,
        }
    }

    /// Returns the audit trail.
    #[must_use]
    pub fn audit(&self) -> &AuditTrail {
        &self.custodian.audit
    }

    /// Returns how many credentials there are: the server wraps them, and rotates its keys on its own.
    pub(crate) async fn count_all(&self, _now: DateTime<Utc>) -> Result<u64> {
        self.custodian.shelf.count().await
    }
}

/// A vault that is being opened.
#[derive(Debug)]
pub struct OpenBaoVaultBuilder {
    options: OpenBaoOptions,
    records: Arc<dyn RecordStore>,
    mount: String,
    folder: String,
    integrations: IntegrationDirectory,
    refresher: Option<Arc<dyn CredentialRefresher>>,
}

impl OpenBaoVaultBuilder {
    /// Sets where the KV engine is mounted; `secret` by default.
    #[must_use]
    pub fn with_mount(mut self, mount: impl Into<String>) -> Self {
        self.mount = mount.into();
        self
    }

    /// Sets the folder of the engine that the credentials are in; `wren` by default.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<String>) -> Self {
        self.folder = folder.into();
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
    /// `VAULT_LOCKED` when the server refuses the token or has no such engine; `STORE_UNAVAILABLE` when it does not answer.
    pub async fn open(self) -> Result<OpenBaoVault> {
        let shelf = KvShelf::new(Client::new(self.options)?, &self.mount, &self.folder)?;
        // Said now rather than by the first run that needs a secret.
        shelf.count().await?;
        let custodian = Custodian::new(shelf, self.records, self.integrations, self.refresher);
        Ok(OpenBaoVault { custodian: Arc::new(custodian) })
    }
}
