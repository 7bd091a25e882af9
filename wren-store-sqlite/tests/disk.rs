//! A disk that is full or read-only: said clearly, nothing damaged, and all well once there is room again.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use support::{integrity, skip};
use wren_conformance::fixtures::at;
use wren_core::ErrorCode;
use wren_core::store::{Namespace, PutOptions, RecordStore, Store};
use wren_store_sqlite::{SqliteOptions, SqliteStore};

/// A small file system in memory.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one, or says why that cannot be.
    fn mount(size: &str) -> Result<Self, String> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        let options = format!("size={size},mode=0700");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], disk.path()).map(|()| disk)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have files open there.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn mount(arguments: &[&str], on: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(arguments).arg(on).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_damages_nothing() {
    let disk = match SmallDisk::mount("3m") {
        Ok(disk) => disk,
        Err(reason) => return skip(&reason),
    };
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
    mount(&["-o", "remount,size=64m"], disk.path()).unwrap();
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
    let disk = match SmallDisk::mount("8m") {
        Ok(disk) => disk,
        Err(reason) => return skip(&reason),
    };
    let file = disk.path().join("wren.db");
    SqliteStore::open_path(&file).await.unwrap().close().await.unwrap();
    let before = fs::read(&file).unwrap();
    mount(&["-o", "remount,ro"], disk.path()).unwrap();

    let error = SqliteStore::open_path(&file).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.hint().unwrap().contains("write") || error.hint().unwrap().contains("access"), "{}", error.chain());
    assert_eq!(fs::read(&file).unwrap(), before);

    let error = SqliteStore::open(SqliteOptions::new(disk.path().join("new.db"))).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{}", error.chain());
    assert!(error.hint().unwrap().contains("access"), "{}", error.chain());
}
