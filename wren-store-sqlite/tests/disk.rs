//! A disk that is full or read-only: said clearly, nothing damaged, and all well once there is room again.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;

use bytes::Bytes;
use support::integrity;
use wren_conformance::disk::SmallDisk;
use wren_conformance::fixtures::at;
use wren_core::ErrorCode;
use wren_core::store::{Namespace, PutOptions, RecordStore, Store};
use wren_store_sqlite::{SqliteOptions, SqliteStore};

#[tokio::test]
async fn a_full_disk_refuses_writes_and_damages_nothing() {
    let Some(disk) = SmallDisk::required("3m") else { return };
    let file = disk.path().join("wren.db");
    let store = SqliteStore::open_path(&file).await.unwrap();
    let space = Namespace::system("full");
    let value = Bytes::from(vec![7; 100_000]);
    let mut written = 0;
    let error = loop {
        match store.put_record(&space, &format!("{written:04}"), value.clone(), PutOptions::at(at(0))).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(written > 2);
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.hint().is_some());
    assert!(error.retryable());

    let found = store.records(&space, "", None, 1000, at(0)).await.unwrap();
    assert_eq!(found.len(), written, "what was acknowledged can be read");
    disk.resize("64m");
    store.put_record(&space, "after", value.clone(), PutOptions::at(at(0))).await.unwrap();
    store.check().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(integrity(&file).await, "ok");
    let store = SqliteStore::open_path(&file).await.unwrap();
    let found = store.records(&space, "", None, 1000, at(0)).await.unwrap();
    assert_eq!(found.len(), written + 1);
    assert!(found.iter().all(|record| record.value == value));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_read_only_disk_is_named_as_such() {
    let Some(disk) = SmallDisk::required("8m") else { return };
    let file = disk.path().join("wren.db");
    SqliteStore::open_path(&file).await.unwrap().close().await.unwrap();
    let before = fs::read(&file).unwrap();
    disk.set_read_only(true);

    let error = SqliteStore::open_path(&file).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.hint().unwrap().contains("write") || error.hint().unwrap().contains("access"), "{}", error.chain());
    assert_eq!(fs::read(&file).unwrap(), before);

    let error = SqliteStore::open(SqliteOptions::new(disk.path().join("new.db"))).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.hint().unwrap().contains("access"), "{}", error.chain());
}
