//! A real server: what its transit key wraps, what it refuses, and what happens without it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

mod support;

use std::sync::Arc;

use support::{CANARY, access, ada, put, silent};
use wren_conformance::fixtures::NOW;
use wren_conformance::servers::OpenBaoServer;
use wren_core::ErrorCode;
use wren_core::memory::MemoryStore;
use wren_core::vault::{AccessPurpose, CredentialVault, NewCredential};
use wren_vault::{OpenBaoOptions, OpenBaoVault, SealedVault, TransitMaster};

fn server() -> Option<OpenBaoServer> {
    let started = OpenBaoServer::start();
    let check = started.as_ref().map(drop).map_err(Clone::clone);
    wren_conformance::requirement("OpenBao", check).then(|| started.unwrap())
}

fn options(server: &OpenBaoServer) -> OpenBaoOptions {
    OpenBaoOptions::new(server.address(), server.token())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_retires_the_transit_keys_old_version_and_an_outage_takes_nothing_away() {
    let Some(mut server) = server() else { return };
    let (store, address) = (Arc::new(MemoryStore::new()), options(&server));
    let missing = TransitMaster::open(address.clone(), "transit", "wren").await.unwrap_err();
    assert_eq!(missing.code(), ErrorCode::VaultLocked);
    assert!(missing.hint().unwrap().contains("bao write -f transit/keys/wren"));
    assert_eq!(server.call("POST", "transit/keys/wren", "{}").unwrap().0, 200);

    let master = TransitMaster::open(address.clone(), "transit", "wren").await.unwrap();
    let vault = SealedVault::builder(store.clone(), master).open().await.unwrap();
    put(&vault, &ada(), "slack", CANARY).await;
    assert_eq!(vault.overview().await.unwrap().generations, ["v1"]);
    vault.rotate(NOW).await.unwrap();
    assert_eq!(vault.overview().await.unwrap().generations, ["v2"]);
    let (_, key) = server.call("GET", "transit/keys/wren", "").unwrap();
    assert!(key.contains(r#""min_decryption_version":2"#), "{key}");
    assert_eq!(access(&vault, &ada(), "slack").await.unwrap(), CANARY);

    // A process that has the owner's key goes on; one that starts says that the server does not answer.
    let starting = TransitMaster::open(address.clone(), "transit", "wren").await.unwrap();
    server.stop();
    assert_eq!(access(&vault, &ada(), "slack").await.unwrap(), CANARY);
    let error = SealedVault::builder(store, starting).open().await.unwrap_err();
    assert_eq!((silent(&error), error.retryable()), (ErrorCode::StoreUnavailable, true));
    let error = TransitMaster::open(address, "transit", "wren").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_says_what_its_server_refuses() {
    let Some(mut server) = server() else { return };
    let store = Arc::new(MemoryStore::new());
    let refused = OpenBaoOptions::new(server.address(), CANARY);
    let error = OpenBaoVault::builder(refused, store.clone()).open().await.unwrap_err();
    assert_eq!(silent(&error), ErrorCode::VaultLocked);
    for name in ["..", "a/b", ""] {
        let builder = OpenBaoVault::builder(options(&server), store.clone()).with_folder(name);
        assert_eq!(builder.open().await.unwrap_err().code(), ErrorCode::InvalidRequest, "{name}");
    }
    let vault = OpenBaoVault::builder(options(&server), store).open().await.unwrap();
    vault.put(&ada(), NewCredential::new("slack", CANARY), NOW).await.unwrap();
    assert!(vault.delete(&ada(), "slack").await.unwrap());
    // Not only marked as deleted: nobody can have it back.
    let (status, answer) = server.call("GET", "secret/data/wren/o-ada/i-slack?version=1", "").unwrap();
    assert!(status == 404 && answer.contains(r#""destroyed":true"#) && !answer.contains(CANARY), "{answer}");
    vault.put(&ada(), NewCredential::new("slack", CANARY), NOW).await.unwrap();
    server.stop();
    let error = vault.access(&ada(), "slack", AccessPurpose::new("test"), NOW).await.unwrap_err();
    assert_eq!((silent(&error), error.retryable()), (ErrorCode::StoreUnavailable, true));
}
