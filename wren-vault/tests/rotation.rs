//! Rotation killed at every write, with several processes, and under writers.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use support::faulty::{Fault, FaultyStore};
use support::{access, ada, credentials, file, open, passphrase, put};
use wren_conformance::fixtures::{NOW, at, owner};
use wren_core::memory::MemoryStore;
use wren_core::store::{Namespace, RecordStore};
use wren_core::vault::{AccessPurpose, CredentialVault, NewCredential};
use wren_core::{ErrorCode, OwnerId};
use wren_vault::{LocalMaster, MasterKey, RotationPhase, SealedVault};

fn owners() -> [OwnerId; 3] {
    ["ada", "bob", "eve"].map(owner)
}

/// Puts two credentials with two fields for each of three owners, and one that is deleted.
async fn fill(vault: &SealedVault) {
    for owner in owners() {
        for integration in ["gmail", "slack", "gone"] {
            let credential = NewCredential::new(integration, format!("{owner} {integration}"));
            vault.put(&owner, credential.with_field("more", format!("{owner} {integration} 2")), NOW).await.unwrap();
        }
        assert!(vault.delete(&owner, "gone").await.unwrap());
    }
}

async fn check(vault: &SealedVault) {
    for owner in owners() {
        for integration in ["gmail", "slack"] {
            assert_eq!(access(vault, &owner, integration).await.unwrap(), format!("{owner} {integration}"));
            let more = vault.access_field(&owner, integration, "more", AccessPurpose::new("test"), NOW).await.unwrap();
            assert_eq!(more.expose_secret(), format!("{owner} {integration} 2"));
        }
        assert!(vault.status(&owner, "gone", NOW).await.unwrap().is_none());
    }
}

/// The ids of all key-encryption keys that owners have, and of those that records say they are sealed with.
async fn key_ids(store: &dyn RecordStore) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    let (mut held, mut generations, mut used) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for record in store.records(&Namespace::system("vault_keys"), "", None, 1_000, NOW).await.unwrap() {
        let ring: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        for key in ring["keys"].as_array().unwrap() {
            held.insert(key["id"].as_str().unwrap().to_owned());
            generations.insert(key["generation"].as_str().unwrap().to_owned());
        }
    }
    for record in store.records(&credentials(), "", None, 1_000, NOW).await.unwrap() {
        let mut rest = &record.value[9..];
        while !rest.is_empty() {
            let after = &rest[1 + usize::from(rest[0])..];
            let length = u32::from_be_bytes(after[..4].try_into().unwrap()) as usize;
            let sealed = &after[4..4 + length];
            used.insert(sealed[2..18].iter().map(|byte| format!("{byte:02x}")).collect());
            rest = &after[4 + length..];
        }
    }
    (held, used, generations)
}

/// Asserts that nothing is left of the keys before.
async fn nothing_is_under_an_old_key(store: &dyn RecordStore, vault: &SealedVault, old: &BTreeSet<String>) {
    let (held, used, generations) = key_ids(store).await;
    assert_eq!(held, used);
    assert_eq!(held.len(), owners().len());
    assert!(held.is_disjoint(old));
    let overview = vault.overview().await.unwrap();
    assert_eq!(overview.generations.len(), 1);
    assert_eq!(generations.into_iter().collect::<Vec<_>>(), overview.generations);
    assert_eq!(overview.rotation, None);
}

#[derive(Debug, Clone, Copy)]
enum Source {
    File,
    Passphrase,
}

async fn master(
    source: Source,
    store: Arc<dyn RecordStore>,
    folder: &std::path::Path,
) -> wren_core::Result<Arc<LocalMaster>> {
    match source {
        Source::File => file(folder).open(store).await,
        Source::Passphrase => passphrase("correct horse").open(store).await,
    }
}

/// Kills a rotation at its n-th write, for every n until it goes through, and goes on with it each time as a process does
/// that was started anew.
async fn killed_at_every_write(source: Source, fault: Fault) {
    let mut kills = 0;
    loop {
        let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
        let records: Arc<dyn RecordStore> = store.clone();
        let open = async |records: Arc<dyn RecordStore>| {
            let master = master(source, records.clone(), folder.path()).await?;
            SealedVault::builder(records, master).open().await
        };
        let vault = open(records.clone()).await.unwrap();
        fill(&vault).await;
        let (old, _, _) = key_ids(&*store).await;

        let faulty = Arc::new(FaultyStore::new(records.clone(), fault, kills));
        let killed = open(faulty.clone()).await.unwrap().rotate(NOW).await;
        let failed = faulty.has_failed();
        assert_eq!(killed.is_err(), failed, "{source:?} {fault:?} {kills}: {killed:?}");

        // Old and new open meanwhile, for the process that runs and for one that starts.
        check(&vault).await;
        let resumed = open(records.clone()).await.unwrap();
        check(&resumed).await;
        put(&resumed, &ada(), "slack", "ada slack").await;
        let with_more = NewCredential::new("slack", "ada slack").with_field("more", "ada slack 2");
        resumed.put(&ada(), with_more, NOW).await.unwrap();

        if failed {
            resumed.rotate(at(60)).await.unwrap();
        }
        check(&vault).await;
        check(&resumed).await;
        check(&open(records.clone()).await.unwrap()).await;
        nothing_is_under_an_old_key(&*store, &resumed, &old).await;
        if !failed {
            // One write per step at the least, so the loop has tried them all.
            assert!(kills > 12, "{kills}");
            return;
        }
        kills += 1;
    }
}

#[tokio::test]
async fn a_rotation_of_a_key_file_killed_before_any_write_goes_on() {
    killed_at_every_write(Source::File, Fault::Before).await;
}

#[tokio::test]
async fn a_rotation_of_a_key_file_killed_after_any_write_goes_on() {
    killed_at_every_write(Source::File, Fault::After).await;
}

#[tokio::test]
async fn a_rotation_of_a_passphrase_killed_before_any_write_goes_on() {
    killed_at_every_write(Source::Passphrase, Fault::Before).await;
}

#[tokio::test]
async fn a_rotation_of_a_passphrase_killed_after_any_write_goes_on() {
    killed_at_every_write(Source::Passphrase, Fault::After).await;
}

#[tokio::test]
async fn a_rotation_that_stopped_shows_where_it_is() {
    let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    let vault = open(store.clone(), folder.path()).await.unwrap();
    fill(&vault).await;
    let overview = vault.overview().await.unwrap();
    assert_eq!((overview.source, overview.credentials, overview.secrets, overview.owners), ("file", 6, 12, 3));
    assert_eq!((overview.generations.len(), &overview.rotation), (1, &None));

    let faulty = Arc::new(FaultyStore::new(store.clone(), Fault::Before, 9));
    open(faulty, folder.path()).await.unwrap().rotate(NOW).await.unwrap_err();
    let overview = vault.overview().await.unwrap();
    let rotation = overview.rotation.unwrap();
    assert_eq!((rotation.started_at, rotation.phase), (NOW, RotationPhase::Rewrapping));
    assert_eq!(overview.generations.len(), 2);
    assert_eq!(vault.rotate(at(60)).await.unwrap(), 6);
    assert_eq!(vault.overview().await.unwrap().generations.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_rotate_at_once_and_again_lose_nothing() {
    let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    let first = open(store.clone(), folder.path()).await.unwrap();
    fill(&first).await;
    let (old, _, _) = key_ids(&*store).await;
    let mut rotators = tokio::task::JoinSet::new();
    for process in 0..4 {
        let vault = open(store.clone(), folder.path()).await.unwrap();
        rotators.spawn(async move {
            for round in 0..5 {
                vault.rotate(at(process * 10 + round)).await.unwrap();
                check(&vault).await;
            }
        });
    }
    rotators.join_all().await;
    check(&first).await;
    // One that came late to a rotation that had ended may have made a generation that nothing leads to.
    first.rotate(at(100)).await.unwrap();
    check(&first).await;
    assert_eq!(std::fs::read_dir(file(folder.path()).path().parent().unwrap()).unwrap().count(), 1);
    nothing_is_under_an_old_key(&*store, &first, &old).await;
}

/// A writer that has read everything and then stands still for a whole rotation, which ends meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_another_process_are_not_lost() {
    let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    let vault = open(store.clone(), folder.path()).await.unwrap();
    fill(&vault).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let vault = open(store.clone(), folder.path()).await.unwrap();
        writers.spawn(async move {
            for round in 0..60 {
                // Some owners are new: their first key is made while the master key changes.
                let (owner, secret) = (owner(&format!("w{writer}-{}", round / 3)), format!("{writer} {round}"));
                put(&vault, &owner, "slack", &secret).await;
                assert_eq!(access(&vault, &owner, "slack").await.unwrap(), secret);
                tokio::task::yield_now().await;
            }
        });
    }
    let mut round = 0;
    while !writers.is_empty() {
        vault.rotate(at(round)).await.unwrap();
        round += 1;
        while let Some(ended) = writers.try_join_next() {
            ended.unwrap();
        }
    }
    vault.rotate(at(round)).await.unwrap();
    let fresh = open(store.clone(), folder.path()).await.unwrap();
    check(&fresh).await;
    for writer in 0..4 {
        for round in (2..60).step_by(3) {
            let owner = owner(&format!("w{writer}-{}", round / 3));
            assert_eq!(access(&fresh, &owner, "slack").await.unwrap(), format!("{writer} {round}"));
        }
    }
    assert_eq!(fresh.overview().await.unwrap().generations.len(), 1);
}

#[tokio::test]
async fn a_vault_moves_from_a_passphrase_to_a_file() {
    let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    let records: Arc<dyn RecordStore> = store.clone();
    let old_master = master(Source::Passphrase, records.clone(), folder.path()).await.unwrap();
    fill(&SealedVault::builder(records.clone(), old_master.clone()).open().await.unwrap()).await;
    let (old, _, _) = key_ids(&*store).await;

    let new_master = master(Source::File, records.clone(), folder.path()).await.unwrap();
    let error = SealedVault::builder(records.clone(), new_master.clone()).open().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::VaultLocked);
    assert!(error.message().contains("`passphrase`"), "{error}");

    let both = SealedVault::builder(records.clone(), new_master.clone()).with_previous_master(old_master);
    let both = both.open().await.unwrap();
    check(&both).await;
    both.rotate(NOW).await.unwrap();
    let alone = SealedVault::builder(records, new_master.clone()).open().await.unwrap();
    check(&alone).await;
    nothing_is_under_an_old_key(&*store, &alone, &old).await;
    assert_eq!(new_master.source(), "file");
}

#[tokio::test]
async fn a_passphrase_is_changed_by_a_rotation() {
    let (store, _folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    let records: Arc<dyn RecordStore> = store.clone();
    let old = passphrase("old").open(records.clone()).await.unwrap();
    fill(&SealedVault::builder(records.clone(), old).open().await.unwrap()).await;
    // Before the rotation the new one alone is wrong, and so is the old one after it.
    assert_eq!(passphrase("new").open(records.clone()).await.unwrap_err().code(), ErrorCode::VaultLocked);
    let changing = passphrase("new").replacing("old").open(records.clone()).await.unwrap();
    let vault = SealedVault::builder(records.clone(), changing).open().await.unwrap();
    check(&vault).await;
    vault.rotate(NOW).await.unwrap();
    assert_eq!(passphrase("old").open(records.clone()).await.unwrap_err().code(), ErrorCode::VaultLocked);
    let new = passphrase("new").open(records.clone()).await.unwrap();
    check(&SealedVault::builder(records, new).open().await.unwrap()).await;
}
