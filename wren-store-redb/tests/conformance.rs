//! The whole store suite on a redb file.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;
use std::sync::Arc;

use wren_conformance::store::StoreUnderTest;
use wren_core::store::Store;
use wren_store_redb::RedbStore;

/// Opens the file. The one who had it open before may still be closing it on its thread.
async fn open(path: PathBuf) -> Arc<dyn Store> {
    loop {
        match RedbStore::open_path(&path).await {
            Ok(store) => return Arc::new(store),
            Err(error) if error.message().contains("another process") => tokio::task::yield_now().await,
            Err(error) => panic!("{}", error.chain()),
        }
    }
}

/// Makes a store in a folder of its own.
async fn redb() -> StoreUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wren.redb");
    StoreUnderTest::new(open(path.clone()).await).with_guard(folder).with_reopen(move || Box::pin(open(path.clone())))
}

wren_conformance::store_suite!(redb);
