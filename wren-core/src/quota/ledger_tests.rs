use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::memory::MemoryStore;

fn ada() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

async fn take(ledger: &Ledger, store: &MemoryStore, limit: u64, want: u64, now: DateTime<Utc>) -> u64 {
    ledger.take(store, (&ada(), Meter::Runs), limit, want, now).await.unwrap()
}

async fn written(store: &MemoryStore, now: DateTime<Utc>) -> Option<u64> {
    let record = store.record(&space(&ada()), &Meter::Runs.key(now.date_naive()), now).await.unwrap();
    record.as_ref().map(count)
}

#[tokio::test]
async fn one_engine_alone_gives_out_the_whole_quota_and_no_more() {
    let (ledger, store) = (Ledger::default(), MemoryStore::new());
    let mut given = 0;
    for _ in 0..150 {
        given += take(&ledger, &store, 100, 1, noon()).await;
    }
    assert_eq!(given, 100);
    assert_eq!(ledger.used(&store, (&ada(), Meter::Runs), noon()).await.unwrap(), 100);
}

#[tokio::test]
async fn a_part_is_given_where_the_rest_is_not_there() {
    let (ledger, store) = (Ledger::default(), MemoryStore::new());
    assert_eq!(take(&ledger, &store, 10, 7, noon()).await, 7);
    assert_eq!(take(&ledger, &store, 10, 7, noon()).await, 3);
    assert_eq!(take(&ledger, &store, 10, 7, noon()).await, 0);
}

#[tokio::test]
async fn most_of_what_is_taken_writes_nothing() {
    let (ledger, store) = (Ledger::default(), MemoryStore::new());
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..640 {
        take(&ledger, &store, 1_000_000, 1, noon()).await;
        seen.insert(written(&store, noon()).await);
    }
    assert_eq!(seen.len(), 10, "blocks of 64");
}

#[tokio::test]
async fn several_engines_at_once_never_give_out_more_than_the_quota() {
    let store = Arc::new(MemoryStore::new());
    let given = Arc::new(AtomicU64::new(0));
    let engines = (0..4).map(|_| {
        let (store, given) = (Arc::clone(&store), Arc::clone(&given));
        tokio::spawn(async move {
            let ledger = Ledger::default();
            for want in 0..200 {
                let got = take(&ledger, &store, 500, want % 4, noon()).await;
                given.fetch_add(got, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
            ledger.close(&*store, noon()).await;
        })
    });
    for engine in engines.collect::<Vec<_>>() {
        engine.await.unwrap();
    }
    let given = given.load(Ordering::Relaxed);
    assert_eq!(written(&store, noon()).await, Some(given), "what was not used is written back");
    assert!(given > 500 - 4 * 31 && given <= 500, "{given}");
}

#[tokio::test]
async fn a_crash_costs_at_most_a_block_and_a_stop_nothing() {
    let store = MemoryStore::new();
    let crashed = Ledger::default();
    assert_eq!(take(&crashed, &store, 1_600, 1, noon()).await, 1);
    drop(crashed);
    assert_eq!(written(&store, noon()).await, Some(64));
    let stopped = Ledger::default();
    assert_eq!(take(&stopped, &store, 1_600, 1, noon()).await, 1);
    stopped.close(&store, noon()).await;
    assert_eq!(written(&store, noon()).await, Some(65));
}

#[tokio::test]
async fn a_day_begins_with_the_whole_quota_and_its_counter_ends_by_itself() {
    let (ledger, store) = (Ledger::default(), MemoryStore::new());
    assert_eq!(take(&ledger, &store, 5, 5, noon()).await, 5);
    let tomorrow = noon() + TimeDelta::hours(12);
    assert_eq!(take(&ledger, &store, 5, 9, tomorrow).await, 5);
    ledger.give_back((&ada(), Meter::Runs), 5, noon());
    assert_eq!(take(&ledger, &store, 5, 1, tomorrow).await, 0, "yesterday's rest is worth nothing");
    assert_eq!(written(&store, noon()).await, Some(5));
    assert_eq!(store.purge_records(noon() + TimeDelta::days(3), 10).await.unwrap(), 2);
}

#[tokio::test]
async fn a_quota_that_is_lowered_holds_from_the_next_block_on() {
    let (ledger, store) = (Ledger::default(), MemoryStore::new());
    assert_eq!(take(&ledger, &store, 100, 10, noon()).await, 10);
    assert_eq!(take(&ledger, &store, 3, 1, noon()).await, 0);
    assert_eq!(take(&ledger, &store, 12, 5, noon()).await, 2);
}
