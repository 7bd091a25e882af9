//! Master keys: what the key-encryption keys are wrapped with.

mod file;
mod generations;
mod local;
mod passphrase;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
pub use file::KeyFile;
pub use local::LocalMaster;
pub use passphrase::{Passphrase, PassphraseCost};
use wren_core::Result;

use crate::error;
use crate::key::Key;

/// A key-encryption key as a master key wrapped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which generation of the master key wrapped it.
    pub generation: String,
    /// What only the master key makes a key of again.
    pub bytes: Vec<u8>,
}

/// Wraps key-encryption keys: a file, a passphrase, a key management service.
///
/// # Contract
/// A master key has generations. The newest wraps; all that have not been retired unwrap. Several processes may share one:
/// what one of them advances MUST be what the others wrap with in every call that begins later, so an implementation asks
/// its authority (the file, the record, the service) at each [`wrap`](Self::wrap). Wrapping and unwrapping are rare, once per
/// owner and process.
#[async_trait]
pub trait MasterKey: fmt::Debug + Send + Sync + 'static {
    /// Returns the kind, which is written next to what it wraps: `file`, `passphrase`, `transit`…
    fn source(&self) -> &'static str;

    /// Returns the generations that still unwrap, the newest last.
    ///
    /// # Errors
    /// `VAULT_LOCKED` or `STORE_UNAVAILABLE` when they cannot be told.
    async fn generations(&self) -> Result<Vec<String>>;

    /// Wraps a key with the newest generation, bound to a context.
    ///
    /// # Errors
    /// `VAULT_LOCKED` or `STORE_UNAVAILABLE` when it cannot.
    async fn wrap(&self, key: &Key, context: &[u8]) -> Result<WrappedKey>;

    /// Unwraps a key; `None` when it was wrapped in another context or by a generation that is unknown here.
    ///
    /// # Errors
    /// `VAULT_LOCKED` or `STORE_UNAVAILABLE` when it cannot be tried.
    async fn unwrap(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<Option<Key>>;

    /// Makes a new generation for a rotation, which has an id, and returns it. Called again for the same rotation it SHOULD
    /// return the one it made before.
    ///
    /// # Errors
    /// `VAULT_LOCKED` or `STORE_UNAVAILABLE` when it cannot.
    async fn advance(&self, rotation: &str) -> Result<String>;

    /// Forgets every generation before this one, for ever. Called again it does nothing.
    ///
    /// # Errors
    /// `VAULT_LOCKED` or `STORE_UNAVAILABLE` when it cannot.
    async fn retire_before(&self, generation: &str) -> Result<()>;
}

/// The master key in use, and those that came before it from another source.
#[derive(Debug, Clone)]
pub(crate) struct Masters {
    pub(crate) current: Arc<dyn MasterKey>,
    pub(crate) previous: Vec<Arc<dyn MasterKey>>,
}

impl Masters {
    /// Unwraps a key with the master key of the source that wrapped it.
    pub(crate) async fn unwrap(&self, source: &str, wrapped: &WrappedKey, context: &[u8]) -> Result<Option<Key>> {
        let mut known = false;
        for master in [&self.current].into_iter().chain(&self.previous).filter(|master| master.source() == source) {
            known = true;
            if let Some(key) = master.unwrap(wrapped, context).await? {
                return Ok(Some(key));
            }
        }
        if known { Ok(None) } else { Err(self.other_source(source)) }
    }

    /// The error for what a source wrapped that is not among these.
    fn other_source(&self, source: &str) -> wren_core::Error {
        let current = self.current.source();
        error::locked(format!("the vault is sealed with a master key of the kind `{source}`, not `{current}`"))
            .with_hint(format!(
                "open it with that master key as the previous one, and rotate to move it to `{current}`"
            ))
    }
}
