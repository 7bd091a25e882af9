//! Records: compare-and-swap, versions, expiry.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use tokio::task::JoinSet;
use wren_core::ErrorCode;
use wren_core::store::{Expect, Namespace, PutOptions, Record, Store};

use super::StoreUnderTest;
use super::steps::refused;
use crate::fixtures::{NOW, ada, at};

fn space() -> Namespace {
    Namespace::owned(&ada(), "state")
}

async fn put(store: &dyn Store, value: &'static str, expect: Expect) -> wren_core::Result<u64> {
    store.put_record(&space(), "key", Bytes::from_static(value.as_bytes()), PutOptions::at(NOW).expecting(expect)).await
}

async fn get(store: &dyn Store) -> Option<Record> {
    store.record(&space(), "key", NOW).await.unwrap()
}

pub async fn a_record_reads_back_as_written(test: StoreUnderTest) {
    let store = &*test.store;
    assert_eq!(get(store).await, None);
    let version = put(store, "one", Expect::Any).await.unwrap();
    let expected = Record { key: "key".into(), value: Bytes::from_static(b"one"), version, expires_at: None };
    assert_eq!(get(store).await, Some(expected.clone()));
    assert_eq!(store.records(&space(), "", None, 10, NOW).await.unwrap(), [expected]);
}

pub async fn every_write_changes_the_version(test: StoreUnderTest) {
    let store = &*test.store;
    let mut versions = BTreeSet::new();
    for round in 0..5 {
        for value in ["same", "same", "other"] {
            let version = put(store, value, Expect::Any).await.unwrap();
            assert_eq!(get(store).await.unwrap().version, version);
            assert!(versions.insert(version), "version {version} came back in round {round}");
        }
        // A record deleted and made again must not pass for the one before.
        assert!(store.delete_record(&space(), "key", Expect::Any, NOW).await.unwrap());
    }
}

pub async fn a_write_that_expects_another_version_changes_nothing(test: StoreUnderTest) {
    let store = &*test.store;
    let first = put(store, "one", Expect::Any).await.unwrap();
    let second = put(store, "two", Expect::Version(first)).await.unwrap();
    let before = get(store).await;
    for wrong in [first, second + 1, 0, u64::from(u32::MAX)] {
        assert_eq!(refused(put(store, "bad", Expect::Version(wrong)).await), ErrorCode::Conflict);
        let delete = store.delete_record(&space(), "key", Expect::Version(wrong), NOW).await;
        assert_eq!(refused(delete), ErrorCode::Conflict);
    }
    assert_eq!(refused(put(store, "bad", Expect::Absent).await), ErrorCode::Conflict);
    assert_eq!(get(store).await, before);
    assert!(store.delete_record(&space(), "key", Expect::Version(second), NOW).await.unwrap());
    assert_eq!(get(store).await, None);
}

pub async fn a_write_may_expect_that_nothing_is_there(test: StoreUnderTest) {
    let store = &*test.store;
    assert_eq!(refused(put(store, "bad", Expect::Version(1)).await), ErrorCode::Conflict);
    let delete = store.delete_record(&space(), "key", Expect::Version(1), NOW).await;
    assert_eq!(refused(delete), ErrorCode::Conflict);
    assert!(!store.delete_record(&space(), "key", Expect::Any, NOW).await.unwrap());
    assert_eq!(get(store).await, None);
    put(store, "one", Expect::Absent).await.unwrap();
    assert!(!store.delete_record(&space(), "key", Expect::Absent, NOW).await.unwrap());
    assert_eq!(get(store).await.unwrap().value, "one");
}

pub async fn an_expired_record_does_not_exist(test: StoreUnderTest) {
    let store = &*test.store;
    let options = PutOptions::at(NOW).expiring(at(10));
    let version = store.put_record(&space(), "key", Bytes::from_static(b"short"), options).await.unwrap();
    let just_before = at(10) - TimeDelta::microseconds(1);
    let read = store.record(&space(), "key", just_before).await.unwrap().unwrap();
    assert_eq!((read.version, read.expires_at), (version, Some(at(10))));
    assert_eq!(store.records(&space(), "", None, 10, just_before).await.unwrap(), [read]);
    assert_eq!(store.record(&space(), "key", at(10)).await.unwrap(), None);
    assert_eq!(store.records(&space(), "", None, 10, at(10)).await.unwrap(), []);
    let late = |expect| PutOptions::at(at(10)).expecting(expect);
    let write = store.put_record(&space(), "key", Bytes::new(), late(Expect::Version(version))).await;
    assert_eq!(refused(write), ErrorCode::Conflict);
    let delete = store.delete_record(&space(), "key", Expect::Version(version), at(10)).await;
    assert_eq!(refused(delete), ErrorCode::Conflict);
    assert!(!store.delete_record(&space(), "key", Expect::Any, at(10)).await.unwrap());
    let again = store.put_record(&space(), "key", Bytes::new(), late(Expect::Absent)).await.unwrap();
    assert_ne!(again, version);
    assert_eq!(store.record(&space(), "key", at(9999)).await.unwrap().unwrap().expires_at, None);
}

pub async fn an_expired_record_may_be_written_over_before_it_is_purged(test: StoreUnderTest) {
    let store = &*test.store;
    let options = PutOptions::at(NOW).expiring(at(1));
    let first = store.put_record(&space(), "key", Bytes::from_static(b"old"), options).await.unwrap();
    for expect in [Expect::Absent, Expect::Any] {
        let options = PutOptions::at(at(2)).expecting(expect).expiring(at(3));
        let next = store.put_record(&space(), "key", Bytes::from_static(b"new"), options).await;
        if expect == Expect::Absent {
            assert_ne!(next.unwrap(), first);
        } else {
            assert!(next.is_ok());
        }
        assert_eq!(store.record(&space(), "key", at(2)).await.unwrap().unwrap().value, "new");
    }
}

pub async fn a_write_replaces_the_expiry(test: StoreUnderTest) {
    let store = &*test.store;
    for end in [Some(at(10)), Some(at(5)), None, Some(at(20))] {
        let options = PutOptions { expires_at: end, ..PutOptions::at(NOW) };
        store.put_record(&space(), "key", Bytes::new(), options).await.unwrap();
        assert_eq!(get(store).await.unwrap().expires_at, end);
    }
}

pub async fn a_purge_deletes_the_expired_of_every_namespace(test: StoreUnderTest) {
    let store = &*test.store;
    let spaces = [space(), Namespace::system("oauth"), Namespace::owned(&ada(), "other")];
    for space in &spaces {
        for (key, end) in [("a", Some(at(1))), ("b", Some(at(2))), ("c", Some(at(99))), ("d", None)] {
            let options = PutOptions { expires_at: end, ..PutOptions::at(NOW) };
            store.put_record(space, key, Bytes::new(), options).await.unwrap();
        }
    }
    assert_eq!(store.purge_records(NOW, 100).await.unwrap(), 0);
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(store.purge_records(at(2), 4).await.unwrap());
    }
    assert_eq!(counts, [4, 2, 0]);
    for space in &spaces {
        // As seen at a time when none had expired: what was purged is gone, the rest is whole.
        let left = store.records(space, "", None, 10, NOW).await.unwrap();
        assert_eq!(left.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["c", "d"]);
    }
}

pub async fn values_are_any_bytes_up_to_a_mebibyte(test: StoreUnderTest) {
    let store = &*test.store;
    let every_byte: Vec<u8> = (0..=255).collect();
    let largest: Vec<u8> = (0..1024 * 1024).map(|place: u32| (place % 251) as u8).collect();
    for value in [vec![], vec![0], every_byte, b"\xff\xfe\x00\xc3".to_vec(), largest] {
        let value = Bytes::from(value);
        store.put_record(&space(), "key", value.clone(), PutOptions::at(NOW)).await.unwrap();
        assert!(get(store).await.unwrap().value == value);
    }
}

pub async fn one_of_many_that_expect_the_same_version_wins(test: StoreUnderTest) {
    let mut version = None;
    for round in 0..5 {
        let mut writers = JoinSet::new();
        for number in 0..64 {
            let store = Arc::clone(&test.store);
            let expect = version.map_or(Expect::Absent, Expect::Version);
            writers.spawn(async move {
                let value = Bytes::from(format!("{round} {number}"));
                let options = PutOptions::at(NOW).expecting(expect);
                let put = store.put_record(&space(), "key", value.clone(), options).await;
                put.map(|version| (version, value)).map_err(|error| error.code())
            });
        }
        let (won, lost): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 63));
        assert!(lost.into_iter().all(|answer| answer == Err(ErrorCode::Conflict)));
        let record = get(&*test.store).await.unwrap();
        assert_eq!(won[0], Ok((record.version, record.value)));
        version = Some(record.version);
    }
}

pub async fn a_counter_of_sixty_four_writers_loses_no_count(test: StoreUnderTest) {
    let mut writers = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&test.store);
        writers.spawn(async move {
            loop {
                let found = get(&*store).await;
                let count: u32 = found.as_ref().map_or(0, |r| std::str::from_utf8(&r.value).unwrap().parse().unwrap());
                let expect = found.map_or(Expect::Absent, |record| Expect::Version(record.version));
                let value = Bytes::from((count + 1).to_string());
                if store.put_record(&space(), "key", value, PutOptions::at(NOW).expecting(expect)).await.is_ok() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
    }
    writers.join_all().await;
    assert_eq!(get(&*test.store).await.unwrap().value, "64");
}
