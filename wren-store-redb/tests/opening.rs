//! What is in the way of opening is said with a hint, and the file is left as it was.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::{join, join_all};
use redb::{Database, Durability, ReadableDatabase as _, TableDefinition};
use support::{is_refused, open};
use wren_conformance::fixtures::{ada, at, every_minute, revision};
use wren_core::ErrorCode;
use wren_core::store::{DeploymentStore, Namespace, PutOptions, RecordStore, Store};
use wren_store_redb::{RedbOptions, RedbStore};

/// The table in which a file says which version it has.
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

/// Makes a store with something in it; returns its file.
async fn filled(folder: &Path) -> PathBuf {
    let file = folder.join("wren.redb");
    let store = RedbStore::open_path(&file).await.unwrap();
    store.put_revision(&ada(), revision("filled", vec![every_minute("main")])).await.unwrap();
    store.close().await.unwrap();
    file
}

/// Opens a file that must be refused, in both ways, and checks that no byte of it has changed. Returns what was said.
async fn is_left_alone(file: &Path) -> String {
    let before = fs::read(file).unwrap();
    let mut said = String::new();
    for verify in [false, true] {
        let error = is_refused(RedbOptions::new(file).with_verify(verify)).await;
        assert_eq!(fs::read(file).unwrap(), before, "{}", error.chain());
        said = format!("{}: {}", error.message(), error.hint().unwrap());
    }
    said
}

#[tokio::test]
async fn a_new_file_and_its_folder_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a").join("b").join("wren.redb");
    let store = RedbStore::open_path(&file).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(mode(&folder.path().join("a")), 0o700);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(mode(&file), 0o600);
}

#[tokio::test]
async fn a_missing_file_is_created_only_if_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing").join("wren.redb");
    let error = is_refused(RedbOptions::new(&file).with_create_if_missing(false)).await;
    assert!(error.message().contains("does not exist"), "{error}");
    assert!(!file.parent().unwrap().exists());
    RedbStore::open_path(&file).await.unwrap().close().await.unwrap();
    open(&file).await.check().await.unwrap();
}

#[tokio::test]
async fn a_path_that_is_a_folder_or_goes_through_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = is_refused(RedbOptions::new(folder.path())).await;
    assert!(error.message().contains("names a folder"), "{error}");
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    is_refused(RedbOptions::new(file.join("wren.redb"))).await;
    assert_eq!(fs::read(&file).unwrap(), b"text");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    for text in ["short", &"not a database, but long enough to have a header ".repeat(1000)] {
        fs::write(&file, text).unwrap();
        let said = is_left_alone(&file).await;
        assert!(said.contains("not a redb database"), "{said}");
    }
}

#[tokio::test]
async fn a_file_of_another_program_is_left_as_it_is() {
    // With a table of our name, too, of our types and of others.
    for (place, name) in ["theirs", "meta", "meta"].into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.redb");
        let database = Database::create(&file).unwrap();
        let transaction = database.begin_write().unwrap();
        if place < 2 {
            let table: TableDefinition<'_, &str, u64> = TableDefinition::new(name);
            transaction.open_table(table).unwrap().insert("key", 1).unwrap();
        } else {
            let table: TableDefinition<'_, u64, &str> = TableDefinition::new(name);
            transaction.open_table(table).unwrap().insert(1, "key").unwrap();
        }
        transaction.commit().unwrap();
        database.close().unwrap();
        let said = is_left_alone(&file).await;
        assert!(said.contains("another program"), "{said}");
    }
}

#[tokio::test]
async fn a_file_of_another_program_that_was_killed_keeps_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (live, file) = (folder.path().join("live.redb"), folder.path().join("other.redb"));
    let table: TableDefinition<'static, &str, u64> = TableDefinition::new("theirs");
    let database = Database::create(&live).unwrap();
    let mut transaction = database.begin_write().unwrap();
    transaction.set_durability(Durability::Immediate).unwrap();
    transaction.open_table(table).unwrap().insert("key", 1).unwrap();
    transaction.commit().unwrap();
    // What a kill would leave: everything that is in the file, and nothing of what closing adds.
    fs::copy(&live, &file).unwrap();
    drop(database);
    let error = is_refused(RedbOptions::new(&file)).await;
    assert!(error.message().contains("another program"), "{}", error.chain());
    let database = Database::open(&file).unwrap();
    let transaction = database.begin_read().unwrap();
    assert_eq!(transaction.open_table(table).unwrap().get("key").unwrap().unwrap().value(), 1);
}

#[tokio::test]
async fn a_file_of_a_newer_binary_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = filled(folder.path()).await;
    let database = Database::open(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("schema", 99).unwrap();
    transaction.commit().unwrap();
    database.close().unwrap();
    let said = is_left_alone(&file).await;
    assert!(said.contains("schema version 99") && said.contains("newer Wren"), "{said}");
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_named_as_damaged_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(filled(folder.path()).await).unwrap();
    let file = folder.path().join("cut.redb");
    // Within the magic number, within the header, after it, and in the midst of the pages.
    for length in [5, 100, 320, 4096, 8192, whole.len() / 2, whole.len() - 4096] {
        fs::write(&file, &whole[..length]).unwrap();
        let said = is_left_alone(&file).await;
        assert!(said.contains("damaged") || length < 9, "{length}: {said}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = filled(folder.path()).await;
    // The header stays, every page after it is lost.
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096..].fill(0xA5);
    fs::write(&file, &bytes).unwrap();
    let said = is_left_alone(&file).await;
    assert!(said.contains("damaged") && said.contains("backup"), "{said}");
}

#[tokio::test]
async fn a_single_damaged_page_is_found_when_every_page_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(filled(folder.path()).await).unwrap();
    let file = folder.path().join("damaged.redb");
    let mut found = 0;
    for page in 1..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096 + 8] ^= 0xFF;
        fs::write(&file, &bytes).unwrap();
        match RedbStore::open(RedbOptions::new(&file).with_verify(true)).await {
            // A page that nothing points to.
            Ok(store) => {
                store.deployments(&ada(), Default::default()).await.unwrap();
                store.close().await.unwrap();
            }
            Err(error) => {
                found += 1;
                assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
                // A page of the list of tables may read as if it were another program's.
                let said = format!("{}: {}", error.message(), error.hint().unwrap());
                assert!(said.contains("damaged") && said.contains("backup"), "{said}");
            }
        }
    }
    assert!(found > 10, "{found} of {} pages", whole.len() / 4096);
}

#[tokio::test]
async fn a_file_is_open_once_at_a_time_and_again_after_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.redb");
    let (one, other) = join(RedbStore::open_path(&file), RedbStore::open_path(&file)).await;
    let (opened, refused): (Vec<_>, Vec<_>) = [one, other].into_iter().partition(Result::is_ok);
    assert_eq!((opened.len(), refused.len()), (1, 1));
    let error = refused.into_iter().find_map(Result::err).unwrap();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.message().contains("another process"), "{}", error.chain());
    let first = opened.into_iter().find_map(Result::ok).unwrap();
    is_refused(RedbOptions::new(&file)).await;
    first.check().await.unwrap();
    first.close().await.unwrap();
    open(&file).await.check().await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing of what creating it took is left");
}

#[tokio::test]
async fn a_file_has_its_name_only_once_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 {
        let file = folder.path().join(format!("{number}.redb"));
        // Looks all the time, as a kill might come at any moment: redb cannot open a file that it had only begun.
        let looking = std::thread::spawn({
            let file = file.clone();
            move || loop {
                if let Ok(bytes) = fs::read(&file) {
                    return bytes;
                }
            }
        });
        RedbStore::open_path(&file).await.unwrap().close().await.unwrap();
        let seen = looking.join().unwrap();
        assert!(seen.starts_with(b"redb\x1A\x0A\xA9\x0D\x0A"), "{:?}", &seen[..seen.len().min(16)]);
    }
}

#[tokio::test]
async fn a_closed_store_says_so_and_has_written_what_was_queued() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.redb");
    let space = Namespace::system("closing");
    let store = RedbStore::open_path(&file).await.unwrap();
    let put = |key: &'static str| store.put_record(&space, key, Bytes::new(), PutOptions::at(at(0)));
    let (written, closed) = join(join_all(["a", "b", "c"].map(put)), store.close()).await;
    closed.unwrap();
    assert!(written.iter().all(Result::is_ok));
    assert_eq!(put("d").await.unwrap_err().code(), ErrorCode::StoreUnavailable);
    assert_eq!(store.check().await.unwrap_err().code(), ErrorCode::StoreUnavailable);
    store.close().await.unwrap();

    let again = open(&file).await;
    let found = again.records(&space, "", None, 10, at(0)).await.unwrap();
    assert_eq!(found.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}
