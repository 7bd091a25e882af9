//! What the tests of sealed vaults share.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod faulty;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use wren_conformance::fixtures::NOW;
use wren_core::store::{Namespace, PutOptions, RecordStore};
use wren_core::vault::{AccessPurpose, CredentialVault, NewCredential};
use wren_core::{Error, OwnerId, Result};
use wren_vault::{KeyFile, Passphrase, PassphraseCost, SealedVault};

/// What must never be seen.
pub(crate) const CANARY: &str = "canary-7f3a";

pub(crate) fn file(folder: &Path) -> KeyFile {
    KeyFile::beside(folder.join("data")).unwrap()
}

/// A passphrase that costs little.
pub(crate) fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).with_cost(PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 })
}

/// Opens a vault under the key file of a folder, as a process does at its start.
pub(crate) async fn open(store: Arc<dyn RecordStore>, folder: &Path) -> Result<SealedVault> {
    let master = file(folder).open(store.clone()).await?;
    SealedVault::builder(store, master).open().await
}

pub(crate) async fn put(vault: &SealedVault, owner: &OwnerId, integration: &str, secret: &str) {
    vault.put(owner, NewCredential::new(integration, secret), NOW).await.unwrap();
}

pub(crate) async fn access(vault: &SealedVault, owner: &OwnerId, integration: &str) -> Result<String> {
    access_at(vault, owner, integration, NOW).await
}

pub(crate) async fn access_at(
    vault: &SealedVault,
    owner: &OwnerId,
    integration: &str,
    now: DateTime<Utc>,
) -> Result<String> {
    let secret = vault.access(owner, integration, AccessPurpose::new("test"), now).await?;
    Ok(secret.expose_secret().to_owned())
}

/// Asserts that an error shows nothing of the canary, and returns its code.
pub(crate) fn silent(error: &Error) -> wren_core::ErrorCode {
    let shown = format!("{error} {error:?} {} {:?} {:?}", error.chain(), error.hint(), error.details());
    assert!(!shown.contains(CANARY), "{shown}");
    error.code()
}

pub(crate) fn credentials() -> Namespace {
    Namespace::system("vault_credentials")
}

/// Returns a record's bytes.
pub(crate) async fn raw(store: &dyn RecordStore, namespace: &Namespace, key: &str) -> Vec<u8> {
    store.record(namespace, key, NOW).await.unwrap().unwrap().value.to_vec()
}

/// Writes a record's bytes, as whoever has the database can.
pub(crate) async fn overwrite(store: &dyn RecordStore, namespace: &Namespace, key: &str, value: Vec<u8>) {
    store.put_record(namespace, key, value.into(), PutOptions::at(NOW)).await.unwrap();
}

/// The owner of most tests; the keys of records begin with the name.
pub(crate) fn ada() -> OwnerId {
    wren_conformance::fixtures::owner("ada")
}
