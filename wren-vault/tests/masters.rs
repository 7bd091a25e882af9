//! Master keys: made once, kept from others, and told apart when they are wrong.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use support::{CANARY, access, ada, file, open, passphrase, put, silent};
use wren_conformance::fixtures::NOW;
use wren_core::memory::MemoryStore;
use wren_core::store::{Expect, Namespace, PutOptions, RecordStore};
use wren_core::vault::CredentialVault;
use wren_core::{Error, ErrorCode};
use wren_vault::{KeyFile, MasterKey, Passphrase, SealedVault};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

async fn refused(store: &Arc<MemoryStore>, folder: &Path) -> Error {
    let error = open(store.clone(), folder).await.unwrap_err();
    assert_eq!(silent(&error), ErrorCode::VaultLocked);
    error
}

async fn filled() -> (Arc<MemoryStore>, tempfile::TempDir) {
    let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
    put(&open(store.clone(), folder.path()).await.unwrap(), &ada(), "slack", CANARY).await;
    (store, folder)
}

#[tokio::test]
async fn the_first_start_makes_a_key_for_its_owner_alone_beside_the_data() {
    let (_store, folder) = filled().await;
    let path = folder.path().canonicalize().unwrap().join("data.keys/master.key");
    assert_eq!(file(folder.path()).path(), path);
    assert_eq!((mode(&path), fs::read(&path).unwrap().len()), (0o400, 32));
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_key_is_never_inside_of_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    std::os::unix::fs::symlink(&data, folder.path().join("link")).unwrap();
    for inside in ["data/master.key", "data/keys/master.key", "link/master.key", "data/../data/master.key"] {
        let error = KeyFile::at(folder.path().join(inside), &data).unwrap_err();
        assert_eq!(error.code(), ErrorCode::VaultLocked, "{inside}");
    }
    assert!(KeyFile::at(folder.path().join("data2/master.key"), &data).is_ok());
    assert!(KeyFile::beside("/").is_err());
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let (store, folder) = filled().await;
    let path = file(folder.path()).path().to_owned();
    for open_to in [0o440, 0o404, 0o600 | 0o020, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(open_to)).unwrap();
        let error = refused(&store, folder.path()).await;
        assert!(error.message().contains(&format!("{open_to:04o}")), "{error}");
        assert_eq!(error.hint().unwrap(), format!("chmod 0400 '{}'", path.display()));
    }
    for closed in [0o400, 0o600] {
        fs::set_permissions(&path, Permissions::from_mode(closed)).unwrap();
        let vault = open(store.clone(), folder.path()).await.unwrap();
        assert_eq!(access(&vault, &ada(), "slack").await.unwrap(), CANARY);
    }
}

#[tokio::test]
async fn a_lost_key_is_said_to_be_lost_and_never_made_anew() {
    let (store, folder) = filled().await;
    let path = file(folder.path()).path().to_owned();
    let key = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let error = refused(&store, folder.path()).await;
    assert!(error.message().contains("is missing"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("restore") && hint.contains("lost") && hint.contains(path.to_str().unwrap()), "{hint}");
    assert!(!path.exists());

    // Nor when the record of its generations is gone as well.
    let generations = Namespace::system("vault");
    let record = store.record(&generations, "master/file", NOW).await.unwrap().unwrap();
    store.delete_record(&generations, "master/file", Expect::Any, NOW).await.unwrap();
    refused(&store, folder.path()).await;
    assert!(!path.exists());
    store.put_record(&generations, "master/file", record.value, PutOptions::at(NOW)).await.unwrap();

    // Another key in its place, one that is cut short, and the right one again.
    for (bytes, said) in [
        (vec![7; 32], "is not the one"),
        (key[..31].to_vec(), "32 bytes"),
        ([key.clone(), vec![0]].concat(), "32 bytes"),
    ] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let error = refused(&store, folder.path()).await;
        assert!(error.message().contains(said), "{error}");
    }
    fs::write(&path, key).unwrap();
    let vault = open(store.clone(), folder.path()).await.unwrap();
    assert_eq!(access(&vault, &ada(), "slack").await.unwrap(), CANARY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_at_once_make_one_key() {
    for _ in 0..8 {
        let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
        let mut starts = tokio::task::JoinSet::new();
        for process in 0..8 {
            let (store, path) = (store.clone(), folder.path().to_owned());
            starts.spawn(async move {
                let vault = open(store, &path).await.unwrap();
                put(&vault, &ada(), &format!("integration-{process}"), CANARY).await;
            });
        }
        starts.join_all().await;
        let vault = open(store, folder.path()).await.unwrap();
        assert_eq!(vault.overview().await.unwrap().generations.len(), 1);
        for process in 0..8 {
            assert_eq!(access(&vault, &ada(), &format!("integration-{process}")).await.unwrap(), CANARY);
        }
    }
}

#[tokio::test]
async fn a_rotation_leaves_one_file_with_another_key() {
    let (store, folder) = filled().await;
    let path = file(folder.path()).path().to_owned();
    let before = fs::read(&path).unwrap();
    open(store.clone(), folder.path()).await.unwrap().rotate(NOW).await.unwrap();
    assert_ne!(fs::read(&path).unwrap(), before);
    assert_eq!(mode(&path), 0o400);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    // The old key opens nothing any more.
    fs::remove_file(&path).unwrap();
    fs::write(&path, before).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    refused(&store, folder.path()).await;
}

#[tokio::test]
async fn a_wrong_passphrase_is_known_before_any_record_is_touched() {
    let store = Arc::new(MemoryStore::new());
    let records: Arc<dyn RecordStore> = store.clone();
    let master = passphrase(CANARY).open(records.clone()).await.unwrap();
    let vault = SealedVault::builder(records.clone(), master).open().await.unwrap();
    put(&vault, &ada(), "slack", CANARY).await;
    // Nothing sealed is left that could fail.
    let keys = Namespace::system("vault_keys");
    store.delete_record(&keys, "ada", Expect::Any, NOW).await.unwrap();
    for wrong in ["canary", "canary-7f3b", " canary-7f3a", "CANARY-7F3A"] {
        let error = passphrase(wrong).open(records.clone()).await.unwrap_err();
        assert_eq!((silent(&error), error.message()), (ErrorCode::VaultLocked, "the passphrase is wrong"));
    }
    assert_eq!(passphrase("").open(records.clone()).await.unwrap_err().code(), ErrorCode::InvalidRequest);
    passphrase(CANARY).open(records).await.unwrap();
}

#[tokio::test]
async fn the_default_cost_is_64_mebibytes_3_passes_4_lanes_and_is_kept_with_the_salt() {
    let store = Arc::new(MemoryStore::new());
    let began = Instant::now();
    let master = Passphrase::new(CANARY).open(store.clone()).await.unwrap();
    // Not as quick as a hash would be.
    assert!(began.elapsed().as_millis() >= 20, "{:?}", began.elapsed());
    let record = store.record(&Namespace::system("vault"), "master/passphrase", NOW).await.unwrap().unwrap();
    let text = String::from_utf8(record.value.to_vec()).unwrap();
    assert!(text.contains(r#""memory_kib":65536,"passes":3,"lanes":4,"salt":""#), "{text}");
    assert!(!text.contains(CANARY));
    assert!(!format!("{master:?}").contains(CANARY));
    // Wrapping again derives nothing again.
    let began = Instant::now();
    for _ in 0..50 {
        master.wrap(&wren_vault::Key::generate().unwrap(), b"context").await.unwrap();
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
