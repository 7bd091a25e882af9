//! A disk that is full or read-only: said clearly, nothing damaged, and all well once there is room again.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;

use bytes::Bytes;
use support::{integrity, is_refused, open};
use wren_conformance::disk::SmallDisk;
use wren_conformance::fixtures::{ada, at, every_minute, fire, revision};
use wren_core::ErrorCode;
use wren_core::store::{
    DeploymentStore, Disposition, Namespace, PutOptions, RecordFires, RecordStore, RunStore, Store,
};
use wren_store_redb::{RedbOptions, RedbStore};

#[tokio::test]
async fn a_full_disk_refuses_writes_and_damages_nothing() {
    let Some(disk) = SmallDisk::required("6m") else { return };
    let file = disk.path().join("wren.redb");
    let store = RedbStore::open_path(&file).await.unwrap();
    let trigger =
        store.put_revision(&ada(), revision("full", vec![every_minute("main")])).await.unwrap().triggers.remove(0);
    let space = Namespace::system("full");
    let value = Bytes::from(vec![7; 100_000]);
    let put = |number: usize| {
        let key = format!("{number:04}");
        let (store, space, value) = (&store, &space, value.clone());
        async move { store.put_record(space, &key, value, PutOptions::at(at(0))).await }
    };
    let mut written = 0;
    let error = loop {
        match put(written).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(written > 2);
    assert_eq!(error.message(), "the disk is full", "{}", error.chain());
    assert!(error.code() == ErrorCode::StoreUnavailable && error.hint().is_some() && error.retryable());

    // Again and again, as a server does: each time nothing is lost.
    for _ in 0..3 {
        let found = store.records(&space, "", None, 1000, at(0)).await.unwrap();
        assert_eq!(found.len(), written, "what was acknowledged can be read");
        let error = put(written).await.unwrap_err();
        assert_eq!(error.message(), "the disk is full", "{}", error.chain());
    }

    disk.resize("64m");
    put(written).await.unwrap();
    store.check().await.unwrap();
    // The queue in memory is what the file says: the run of a fire that was refused is not in it.
    let fired = store.record_fires(RecordFires::new(vec![fire(&trigger, at(60))], at(60))).await.unwrap();
    assert_eq!(fired[0].disposition, Disposition::Queued);
    store.close().await.unwrap();
    integrity(&file).await;
    let store = open(&file).await;
    let found = store.records(&space, "", None, 1000, at(0)).await.unwrap();
    assert_eq!(found.len(), written + 1);
    assert!(found.iter().all(|record| record.value == value));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_read_only_disk_is_named_as_such() {
    let Some(disk) = SmallDisk::required("16m") else { return };
    let file = disk.path().join("wren.redb");
    RedbStore::open_path(&file).await.unwrap().close().await.unwrap();
    let before = fs::read(&file).unwrap();
    disk.set_read_only(true);

    let error = is_refused(RedbOptions::new(&file)).await;
    assert!(error.hint().unwrap().contains("write"), "{}", error.chain());
    assert_eq!(fs::read(&file).unwrap(), before);

    let error = is_refused(RedbOptions::new(disk.path().join("new.redb"))).await;
    assert!(error.hint().unwrap().contains("access"), "{}", error.chain());
    disk.set_read_only(false);
    open(&file).await.check().await.unwrap();
}
