//! A master key derived from a passphrase with Argon2id (RFC 9106).

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wren_core::store::RecordStore;
use wren_core::{Error, Result};

use super::generations::Generation;
use super::local::{LocalMaster, Source};
use crate::error;
use crate::key::{self, KEY_BYTES, Key};

const SALT: usize = 16;
/// What a record may ask for: one that was changed must not be able to take all of the machine's memory or hours.
const MOST: PassphraseCost = PassphraseCost { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };

/// What deriving a key costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassphraseCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// How often the memory is gone over.
    pub passes: u32,
    /// How many parts of the memory could be worked on at once.
    pub lanes: u32,
}

impl Default for PassphraseCost {
    /// 64 MiB, 3 passes, 4 lanes: the second of the two that RFC 9106, section 4, recommends.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

/// How a passphrase became a key; kept with the generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Derivation {
    #[serde(flatten)]
    cost: PassphraseCost,
    /// In base64.
    salt: String,
}

/// A passphrase to derive the master key from. `Debug` prints nothing of it.
pub struct Passphrase {
    current: SecretString,
    previous: Option<SecretString>,
    cost: PassphraseCost,
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Passphrase").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl Passphrase {
    /// Takes a passphrase.
    #[must_use]
    pub fn new(passphrase: impl Into<SecretString>) -> Self {
        Self { current: passphrase.into(), previous: None, cost: PassphraseCost::default() }
    }

    /// Sets the passphrase that this one replaces: the vault opens with either until the next rotation has ended, and from
    /// then on with the new one alone.
    #[must_use]
    pub fn replacing(mut self, previous: impl Into<SecretString>) -> Self {
        self.previous = Some(previous.into());
        self
    }

    /// Sets what deriving costs for generations made from now on; those that exist keep the cost they were made with.
    #[must_use]
    pub fn with_cost(mut self, cost: PassphraseCost) -> Self {
        self.cost = cost;
        self
    }

    /// Opens the master key of a store, or makes it where nothing is sealed yet.
    ///
    /// # Errors
    /// `VAULT_LOCKED` when the passphrase is wrong, which the generation's check value says before any credential is
    /// touched; `INVALID_REQUEST` when it is empty or its cost is none.
    pub async fn open(self, records: Arc<dyn RecordStore>) -> Result<Arc<LocalMaster>> {
        if self.current.expose_secret().is_empty() {
            return Err(Error::new(wren_core::ErrorCode::InvalidRequest, "the passphrase is empty"));
        }
        LocalMaster::open(records, Source::Passphrase(self)).await
    }

    pub(crate) fn wrong() -> Error {
        error::locked("the passphrase is wrong")
            .with_hint("give the passphrase that the vault was made with, or the one set by the last rotation")
    }

    /// Derives a new generation's key with a new salt.
    pub(crate) async fn generate(&self, rotation: Option<&str>) -> Result<(Generation, Key)> {
        let derivation = Derivation { cost: self.cost, salt: STANDARD.encode(key::random::<SALT>()?) };
        let key = derive(&self.current, &derivation).await?;
        Ok((Generation::of(&key, Some(derivation), rotation), key))
    }

    /// Derives a generation's key; `None` when no passphrase given gives it.
    pub(crate) async fn derive(&self, generation: &Generation) -> Result<Option<Key>> {
        let Some(derivation) = &generation.derivation else { return Ok(None) };
        for passphrase in [&self.current].into_iter().chain(&self.previous) {
            let key = derive(passphrase, derivation).await?;
            if generation.is_of(&key) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

async fn derive(passphrase: &SecretString, derivation: &Derivation) -> Result<Key> {
    let unusable = |what: &str| error::locked(format!("the passphrase's {what} in the vault's record cannot be used"));
    let PassphraseCost { memory_kib, passes, lanes } = derivation.cost;
    if memory_kib > MOST.memory_kib || passes > MOST.passes || lanes > MOST.lanes {
        return Err(unusable("cost"));
    }
    let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES)).map_err(|_| unusable("cost"))?;
    let salt = STANDARD.decode(&derivation.salt).map_err(|_| unusable("salt"))?;
    let passphrase = passphrase.clone();
    // Half a second of one core and 64 MiB: not on a thread that serves others.
    let derived = tokio::task::spawn_blocking(move || {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Key::try_init(|bytes| argon2.hash_password_into(passphrase.expose_secret().as_bytes(), &salt, bytes))
    });
    let key = derived.await.map_err(|error| Error::internal("deriving the master key", error))?;
    key.map_err(|_| unusable("salt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's test of version 0x13: Argon2id, t = 2, m = 64 MiB, p = 1.
    #[tokio::test]
    async fn keys_are_those_of_argon2id() {
        let cost = PassphraseCost { memory_kib: 65_536, passes: 2, lanes: 1 };
        let derivation = Derivation { cost, salt: STANDARD.encode("somesalt") };
        let key = derive(&"password".into(), &derivation).await.unwrap();
        assert_eq!(key::hex(key.expose()), "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
    }

    #[tokio::test]
    async fn a_record_cannot_ask_for_everything() {
        for cost in [
            PassphraseCost { memory_kib: u32::MAX, ..PassphraseCost::default() },
            PassphraseCost { passes: 1_000, ..PassphraseCost::default() },
            PassphraseCost { lanes: 0, ..PassphraseCost::default() },
        ] {
            let derivation = Derivation { cost, salt: STANDARD.encode([0; SALT]) };
            let error = derive(&"password".into(), &derivation).await.unwrap_err();
            assert_eq!(error.code(), wren_core::ErrorCode::VaultLocked);
        }
    }

    #[test]
    fn a_passphrase_prints_nothing() {
        let passphrase = Passphrase::new("canary").replacing("canary");
        assert!(!format!("{passphrase:?} {:?}", Source::Passphrase(passphrase_like())).contains("canary"));
    }

    fn passphrase_like() -> Passphrase {
        Passphrase::new("canary")
    }
}
