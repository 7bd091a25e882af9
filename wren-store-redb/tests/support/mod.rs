//! What several of the test binaries need.

#![allow(dead_code, reason = "each binary uses some of it")]

use std::path::Path;

use wren_core::{Error, ErrorCode};
use wren_store_redb::{RedbOptions, RedbStore};

/// Opens a file that is there.
pub(crate) async fn open(path: &Path) -> RedbStore {
    RedbStore::open(RedbOptions::new(path).with_create_if_missing(false)).await.unwrap()
}

/// Opens what cannot be opened, and returns why.
pub(crate) async fn is_refused(options: RedbOptions) -> Error {
    let error = RedbStore::open(options).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.hint().is_some(), "{}", error.chain());
    error
}

/// Has redb verify every page of a file that nobody has open.
pub(crate) async fn integrity(path: &Path) {
    let options = RedbOptions::new(path).with_create_if_missing(false).with_verify(true);
    RedbStore::open(options).await.unwrap().close().await.unwrap();
}
