use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::future::join_all;

use super::*;
use crate::memory::MemoryStore;
use crate::store::RecordKey;

fn ada() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

async fn take(ledger: &Ledger, store: &impl RecordStore, limit: u64, want: u64, now: DateTime<Utc>) -> u64 {
    ledger.take(store, (&ada(), Meter::Runs), limit, want, now).await.unwrap().spend()
}

/// A ledger of an engine that runs.
fn open() -> Ledger {
    let ledger = Ledger::default();
    std::mem::forget(ledger.open());
    ledger
}

/// Lets others go first at each call, as a store beyond a network does, and counts what is written.
#[derive(Debug, Default)]
struct Distant {
    store: MemoryStore,
    written: AtomicU64,
}

#[async_trait]
impl RecordStore for Distant {
    async fn record(&self, space: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        tokio::task::yield_now().await;
        let record = self.store.record(space, key, now).await;
        tokio::task::yield_now().await;
        record
    }

    async fn put_record(&self, space: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        self.written.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let put = self.store.put_record(space, key, value, options).await;
        tokio::task::yield_now().await;
        put
    }

    async fn delete_record(&self, space: &Namespace, key: &str, expect: Expect, now: DateTime<Utc>) -> Result<bool> {
        self.store.delete_record(space, key, expect, now).await
    }

    async fn records(
        &self,
        space: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        self.store.records(space, prefix, after, limit, now).await
    }

    async fn record_keys(
        &self,
        space: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        self.store.record_keys(space, prefix, after, limit, now).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.store.purge_records(now, limit).await
    }
}

async fn written(store: &MemoryStore, now: DateTime<Utc>) -> Option<u64> {
    let record = store.record(&space(&ada()), &Meter::Runs.key(now.date_naive()), now).await.unwrap();
    record.as_ref().map(count)
}

#[tokio::test]
async fn one_engine_alone_gives_out_the_whole_quota_and_no_more() {
    let (ledger, store) = (open(), MemoryStore::new());
    let mut given = 0;
    for _ in 0..150 {
        given += take(&ledger, &store, 100, 1, noon()).await;
    }
    assert_eq!(given, 100);
    assert_eq!(ledger.used(&store, (&ada(), Meter::Runs), noon()).await.unwrap(), 100);
}

#[tokio::test]
async fn a_part_is_given_where_the_rest_is_not_there() {
    let (ledger, store) = (open(), MemoryStore::new());
    assert_eq!(take(&ledger, &store, 10, 7, noon()).await, 7);
    assert_eq!(take(&ledger, &store, 10, 7, noon()).await, 3);
    assert_eq!(take(&ledger, &store, 10, 7, noon()).await, 0);
}

#[tokio::test]
async fn most_of_what_is_taken_writes_nothing() {
    let (ledger, store) = (open(), MemoryStore::new());
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
            let ledger = open();
            for want in 0..200 {
                let got = take(&ledger, &*store, 500, want % 4, noon()).await;
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
    let crashed = open();
    assert_eq!(take(&crashed, &store, 1_600, 1, noon()).await, 1);
    drop(crashed);
    assert_eq!(written(&store, noon()).await, Some(64));
    let stopped = open();
    assert_eq!(take(&stopped, &store, 1_600, 1, noon()).await, 1);
    stopped.close(&store, noon()).await;
    assert_eq!(written(&store, noon()).await, Some(65));
}

#[tokio::test]
async fn a_day_begins_with_the_whole_quota_and_its_counter_ends_by_itself() {
    let (ledger, store) = (open(), MemoryStore::new());
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
    let (ledger, store) = (open(), MemoryStore::new());
    assert_eq!(take(&ledger, &store, 100, 10, noon()).await, 10);
    assert_eq!(take(&ledger, &store, 3, 1, noon()).await, 0);
    assert_eq!(take(&ledger, &store, 12, 5, noon()).await, 2);
}

#[tokio::test]
async fn of_many_calls_at_once_one_raises_the_counter_for_all() {
    let (ledger, store) = (open(), Distant::default());
    let given = join_all((0..300).map(|_| take(&ledger, &store, 1_000_000, 1, noon()))).await;
    assert_eq!(given.iter().sum::<u64>(), 300);
    // Blocks of 64, as if they had come one after another.
    assert_eq!(store.written.load(Ordering::Relaxed), 5);
    assert_eq!(written(&store.store, noon()).await, Some(320));
}

#[tokio::test]
async fn many_calls_at_once_are_given_the_quota_to_the_last_and_no_more() {
    let (ledger, store) = (open(), Distant::default());
    let given = join_all((0..300).map(|call| take(&ledger, &store, 200, 1 + call % 3, noon()))).await;
    assert_eq!(given.iter().sum::<u64>(), 200);
    assert_eq!(written(&store.store, noon()).await, Some(200));
}

#[tokio::test]
async fn what_is_not_spent_goes_back_also_when_the_call_is_dropped() {
    let (ledger, store) = (open(), Distant::default());
    assert_eq!(take(&ledger, &store, 1_600, 1, noon()).await, 1);
    let mut some = ledger.take(&store, (&ada(), Meter::Runs), 1_600, 10, noon()).await.unwrap();
    some.spend_some(4);
    drop(some);
    // All that is here, and then it waits for the store.
    let ada = ada();
    let mut call = Box::pin(ledger.take(&store, (&ada, Meter::Runs), 1_600, 100, noon()));
    assert!(futures::poll!(call.as_mut()).is_pending());
    drop(call);
    assert_eq!(ledger.used(&store, (&ada, Meter::Runs), noon()).await.unwrap(), 5);
}

#[tokio::test]
async fn a_ledger_that_nobody_will_write_back_takes_what_is_asked_for_and_no_block() {
    let (ledger, store) = (Ledger::default(), MemoryStore::new());
    assert_eq!(take(&ledger, &store, 1_600, 1, noon()).await, 1);
    assert_eq!(written(&store, noon()).await, Some(1));
    let opened = ledger.open();
    assert_eq!(take(&ledger, &store, 1_600, 1, noon()).await, 1);
    assert_eq!(written(&store, noon()).await, Some(65));
    ledger.close(&store, noon()).await;
    assert_eq!(written(&store, noon()).await, Some(2));
    assert_eq!(take(&ledger, &store, 1_600, 3, noon()).await, 3);
    assert_eq!(written(&store, noon()).await, Some(5), "a run asked for while a server ends");
    drop(opened);
}

#[tokio::test]
async fn a_call_of_yesterday_takes_nothing_from_today() {
    let (ledger, store) = (open(), MemoryStore::new());
    let today = noon() + TimeDelta::hours(12);
    let yesterday = today - TimeDelta::microseconds(1);
    assert_eq!(take(&ledger, &store, 1_600, 1, today).await, 1);
    assert_eq!(take(&ledger, &store, 1_600, 5, yesterday).await, 5);
    assert_eq!(written(&store, yesterday).await, Some(5), "exactly what it needs");
    ledger.give_back((&ada(), Meter::Runs), 5, yesterday);
    // Of the day's block nothing is lost by it.
    assert_eq!(ledger.used(&store, (&ada(), Meter::Runs), today).await.unwrap(), 1);
    assert_eq!(take(&ledger, &store, 1_600, 63, today).await, 63);
    assert_eq!(written(&store, today).await, Some(64));
}

#[tokio::test]
async fn a_clock_that_was_far_ahead_once_costs_no_more_than_its_block() {
    let (ledger, store) = (open(), MemoryStore::new());
    assert_eq!(take(&ledger, &store, 1_600, 1, noon() + TimeDelta::days(40)).await, 1);
    assert_eq!(take(&ledger, &store, 1_600, 1, noon()).await, 1);
    assert_eq!(written(&store, noon()).await, Some(64));
}
