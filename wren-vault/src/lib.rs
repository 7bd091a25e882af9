//! Keeps the secrets of a Wren's integrations, so that they never enter a script.
//!
//! [`SealedVault`] seals each secret and keeps it on any record store; [`OpenBaoVault`] keeps them in a server of OpenBao or
//! HashiCorp Vault. Both are a [`CredentialVault`](wren_core::vault::CredentialVault): they write an audit entry before a
//! secret is handed out, and refresh what has ended once for all callers in all processes.
//!
//! ```
//! # async fn example() -> wren_core::Result<()> {
//! use std::sync::Arc;
//!
//! use chrono::Utc;
//! use wren_core::OwnerId;
//! use wren_core::memory::MemoryStore;
//! use wren_core::vault::{AccessPurpose, CredentialVault, NewCredential};
//! use wren_vault::{KeyFile, SealedVault};
//!
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let data = folder.path().join("data");
//! let store = Arc::new(MemoryStore::new());
//! // `data.keys/master.key`, made at the first start, for its owner alone.
//! let master = KeyFile::beside(data)?.open(store.clone()).await?;
//! let vault = SealedVault::builder(store, master).open().await?;
//!
//! let ada = OwnerId::new("ada").expect("a name");
//! vault.put(&ada, NewCredential::new("slack", "xoxb-1"), Utc::now()).await?;
//! let secret = vault.access(&ada, "slack", AccessPurpose::new("http.request"), Utc::now()).await?;
//! # assert_eq!(secrecy::ExposeSecret::expose_secret(&secret), "xoxb-1");
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().expect("a runtime").block_on(example()).expect("the example");
//! ```
//!
//! # How a secret is sealed
//!
//! A master key (a file of mode 0400, a passphrase, or a key that never leaves a server) wraps one key-encryption key per
//! owner, which wraps a data key for each secret of each version, which seals it with AES-256-GCM-SIV. Each box commits to
//! its key and is bound to owner, integration, field, version, key and purpose, so a record that was changed, moved or
//! swapped does not open. Rotation makes new master and key-encryption keys and wraps every data key anew while the vault is
//! in use; killed at any step it is gone on with.
//!
//! # What it does not do
//!
//! - It does not notice a database set back as a whole to an earlier state: an old record in its old place is a right one.
//! - It does not hide how long a secret is, what integrations an owner has, or when secrets are used.
//! - It does not protect against whoever reads this process's memory. Keys and secrets are wiped when they are dropped; the
//!   copies that an HTTP client or an allocator made are not.
//! - It does not encrypt secrets anew in a rotation: who had an old key-encryption key and the records of then has the secrets
//!   of then. To be rid of such a leak, change the secrets.

mod audit;
mod claim;
mod custodian;
mod error;
mod frame;
mod key;
mod keyring;
mod lost;
mod master;
mod name;
mod openbao;
mod record;
mod refresh;
mod seal;
mod sealed;
mod shelf;
mod space;

pub use audit::{AUDIT_RETENTION, AuditEntry, AuditTrail};
pub use key::Key;
pub use lost::{forget_unused_masters, sealed_namespaces};
pub use master::{KeyFile, LocalMaster, MasterKey, Passphrase, PassphraseCost, WrappedKey};
pub use openbao::{OpenBaoOptions, OpenBaoVault, OpenBaoVaultBuilder, TransitMaster};
pub use sealed::{RotationOverview, RotationPhase, SealedVault, SealedVaultBuilder, VaultOverview};
