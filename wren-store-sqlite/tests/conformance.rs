//! The whole store suite on a SQLite file.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;
use std::sync::Arc;

use wren_conformance::store::StoreUnderTest;
use wren_core::store::Store;
use wren_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};

/// Opens the file. The suite does not ask what power cuts do, so nothing is synced.
async fn open(path: PathBuf) -> Arc<dyn Store> {
    let options = SqliteOptions::new(path).with_synchronous(Synchronous::Normal);
    Arc::new(SqliteStore::open(options).await.unwrap())
}

/// Makes a store in a folder of its own.
async fn sqlite() -> StoreUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wren.db");
    StoreUnderTest::new(open(path.clone()).await).with_guard(folder).with_reopen(move || Box::pin(open(path.clone())))
}

wren_conformance::store_suite!(sqlite);
