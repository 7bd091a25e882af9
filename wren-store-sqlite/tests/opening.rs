//! What is in the way of opening is said with a hint, and the file is left as it was.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;
use std::path::Path;

use bytes::Bytes;
use support::plain;
use wren_conformance::fixtures::{ada, at, every_minute, revision};
use wren_core::store::{DeploymentStore, Namespace, PutOptions, RecordStore, Store};
use wren_core::{Error, ErrorCode};
use wren_store_sqlite::{SqliteOptions, SqliteStore};

async fn refused(options: SqliteOptions) -> Error {
    let error = SqliteStore::open(options).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.hint().is_some(), "{}", error.chain());
    error
}

#[tokio::test]
async fn a_new_file_and_its_folder_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a").join("b").join("wren.db");
    let store = SqliteStore::open_path(&file).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(mode(&folder.path().join("a")), 0o700);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&file.with_file_name("wren.db-wal")), 0o600);
    assert_eq!(mode(&file.with_file_name("wren.db-shm")), 0o600);
}

#[tokio::test]
async fn a_missing_file_is_created_only_if_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    let error = refused(SqliteOptions::new(&file).with_create_if_missing(false)).await;
    assert!(error.message().contains("does not exist"), "{error}");
    assert!(!file.exists());
    SqliteStore::open_path(&file).await.unwrap().close().await.unwrap();
    SqliteStore::open(SqliteOptions::new(&file).with_create_if_missing(false)).await.unwrap();
}

#[tokio::test]
async fn a_path_that_is_a_folder_or_goes_through_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(SqliteOptions::new(folder.path())).await;
    assert!(error.message().contains("names a folder"), "{error}");
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    refused(SqliteOptions::new(file.join("wren.db"))).await;
    assert_eq!(fs::read(&file).unwrap(), b"text");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    let text = "not a database, but long enough to have a header of a hundred bytes ".repeat(100);
    fs::write(&file, &text).unwrap();
    let error = refused(SqliteOptions::new(&file)).await;
    assert!(error.message().contains("not a SQLite database"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_as_it_is() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.db");
    let mut connection = plain(&file).await;
    sqlx::raw_sql("CREATE TABLE theirs (x)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = fs::read(&file).unwrap();
    let error = refused(SqliteOptions::new(&file)).await;
    assert!(error.message().contains("another program"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_schema_of_a_newer_binary_is_left_as_it_is() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    SqliteStore::open_path(&file).await.unwrap().close().await.unwrap();
    let mut connection = plain(&file).await;
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = fs::read(&file).unwrap();
    let error = refused(SqliteOptions::new(&file)).await;
    assert!(error.message().contains("schema version 99"), "{error}");
    assert!(error.hint().unwrap().contains("newer Wren"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_file_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    let store = SqliteStore::open_path(&file).await.unwrap();
    store.put_revision(&ada(), revision("damaged", vec![])).await.unwrap();
    store.close().await.unwrap();
    // The header stays, every page after the first is lost.
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096..].fill(0xA5);
    fs::write(&file, &bytes).unwrap();
    let error = match SqliteStore::open_path(&file).await {
        Ok(store) => store.deployments(&ada(), Default::default()).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.message().contains("damaged"), "{}", error.chain());
    assert!(error.hint().unwrap().contains("backup"), "{}", error.chain());
}

#[tokio::test]
async fn a_closed_store_says_so_and_a_dropped_one_has_written_what_was_queued() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    let space = Namespace::system("closing");
    let store = SqliteStore::open_path(&file).await.unwrap();
    let put = |key: &'static str| store.put_record(&space, key, Bytes::new(), PutOptions::at(at(0)));
    let writes = futures::future::join_all(["a", "b", "c"].map(put));
    let (written, closed) = futures::future::join(writes, store.close()).await;
    closed.unwrap();
    assert!(written.iter().all(Result::is_ok));
    let wal = fs::metadata(file.with_file_name("wren.db-wal"));
    assert!(wal.is_err() || wal.unwrap().len() == 0, "the log is moved into the file");
    assert_eq!(put("d").await.unwrap_err().code(), ErrorCode::StoreUnavailable);
    assert_eq!(store.check().await.unwrap_err().code(), ErrorCode::StoreUnavailable);
    store.close().await.unwrap();

    let again = SqliteStore::open_path(&file).await.unwrap();
    let found = again.records(&space, "", None, 10, at(0)).await.unwrap();
    assert_eq!(found.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_dropped_call_leaves_the_whole_effect_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_path(folder.path().join("wren.db")).await.unwrap();
    let owner = ada();
    for number in 0..200 {
        let name = format!("dropped-{number}");
        let deploy = store.put_revision(&owner, revision(&name, vec![every_minute("main")]));
        // Polled a few times, at most: dropped before it was queued, while queued, or while written.
        let polls = async {
            for _ in 0..number % 4 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { biased; _ = deploy => {}, () = polls => {} }
    }
    store.check().await.unwrap();
    let mut page = wren_core::store::ListDeployments::default();
    page.page.limit = 1000;
    for overview in store.deployments(&owner, page).await.unwrap().items {
        assert_eq!(overview.triggers.len(), 1);
        store.revision(&owner, overview.deployment.id, 1).await.unwrap();
    }
}
