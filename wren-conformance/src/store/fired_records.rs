//! Records that are written with fires: all of it, or nothing.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;
use wren_core::ErrorCode;
use wren_core::model::{FireKey, PageOptions, Run, Trigger};
use wren_core::store::{
    Disposition, Expect, Fire, ListRuns, Namespace, PutOptions, Record, RecordFires, RecordWrite, Store,
};

use super::StoreUnderTest;
use super::steps::{deploy, minutely, refused};
use crate::fixtures::{NOW, ada, at, event, fire, on_email, trigger_id};

const WRITERS: usize = 64;
/// How many events there are for all writers together.
const EVENTS: u32 = 96;

fn space() -> Namespace {
    Namespace::owned(&ada(), "cursors")
}

fn write(key: &str, value: &str, expect: Expect) -> RecordWrite {
    let value = Bytes::copy_from_slice(value.as_bytes());
    RecordWrite { namespace: space(), key: key.to_owned(), value, options: PutOptions::at(NOW).expecting(expect) }
}

async fn on_mail(store: &dyn Store) -> Trigger {
    deploy(store, &ada(), "mail", vec![on_email("mail")]).await.triggers.remove(0)
}

async fn read(store: &dyn Store, key: &str) -> Option<Record> {
    store.record(&space(), key, NOW).await.unwrap()
}

async fn value(store: &dyn Store, key: &str) -> Option<String> {
    read(store, key).await.map(|record| String::from_utf8(record.value.to_vec()).unwrap())
}

async fn runs(store: &dyn Store) -> Vec<Run> {
    store.runs(&ada(), ListRuns { page: PageOptions::first(100_000), ..Default::default() }).await.unwrap().items
}

pub async fn fires_and_records_are_written_together_and_stay(test: StoreUnderTest) {
    let store = &*test.store;
    let (mail, due) = (on_mail(store).await, minutely(store, &ada(), "daily").await);
    let other = RecordWrite { namespace: Namespace::system("cursors"), ..write("inbox", "8", Expect::Absent) };
    let records = vec![write("inbox", "7", Expect::Absent), other];
    let fires = vec![event(&mail, "<7@host>"), fire(&due, at(60))];
    let fired = store.record_fires(RecordFires::new(fires, at(60)).with_records(records)).await.unwrap();
    assert!(fired.iter().all(|fired| fired.disposition == Disposition::Queued));
    let first = read(store, "inbox").await.unwrap();
    let next = RecordFires::new(vec![event(&mail, "<9@host>")], at(61));
    store.record_fires(next.with_records(vec![write("inbox", "9", Expect::Version(first.version))])).await.unwrap();
    let second = read(store, "inbox").await.unwrap();
    assert_ne!(second.version, first.version, "a record written with fires changes its version, too");

    let test = test.reopen().await;
    let store = &*test.store;
    assert_eq!(read(store, "inbox").await, Some(second));
    let other = store.record(&Namespace::system("cursors"), "inbox", NOW).await.unwrap().unwrap();
    assert_eq!(&other.value[..], b"8");
    assert_eq!(runs(store).await.len(), 3);
}

pub async fn a_record_that_is_not_as_expected_records_no_fire_and_moves_no_cursor(test: StoreUnderTest) {
    let store = &*test.store;
    let (mail, due) = (on_mail(store).await, minutely(store, &ada(), "daily").await);
    let version = store.put_record(&space(), "inbox", Bytes::from_static(b"1"), PutOptions::at(NOW)).await.unwrap();
    let before = read(store, "inbox").await;
    let fine = || write("a", "2", Expect::Any);
    for records in [
        vec![write("inbox", "2", Expect::Absent)],
        vec![write("inbox", "2", Expect::Version(version + 1))],
        vec![write("none", "2", Expect::Version(version))],
        // Whatever stands before or after the one that does not hold.
        vec![fine(), write("inbox", "2", Expect::Absent)],
        vec![write("inbox", "2", Expect::Absent), fine()],
        vec![write("inbox", "2", Expect::Version(version)), write("z", "2", Expect::Version(1))],
        vec![write("inbox", "2", Expect::Version(version)), write("inbox", "3", Expect::Version(version))],
    ] {
        let batch = RecordFires::new(vec![event(&mail, "<2@host>"), fire(&due, at(60))], at(60));
        let answer = store.record_fires(batch.with_records(records.clone())).await;
        assert_eq!(refused(answer), ErrorCode::Conflict, "{records:?}");
        assert_eq!(runs(store).await, [], "{records:?}");
        assert_eq!(read(store, "inbox").await, before, "{records:?}");
        assert_eq!((value(store, "a").await, value(store, "z").await), (None, None), "{records:?}");
    }
    let triggers = store.scan_triggers(None, 10).await.unwrap();
    assert_eq!(triggers.iter().find(|trigger| trigger.id == due.id).unwrap().cursor, due.cursor);
    let test = test.reopen().await;
    let batch = RecordFires::new(vec![event(&mail, "<2@host>")], at(60));
    let batch = batch.with_records(vec![write("inbox", "2", Expect::Version(version))]);
    let fired = test.store.record_fires(batch).await.unwrap();
    assert_eq!(fired[0].disposition, Disposition::Queued, "what was refused is no duplicate");
}

pub async fn fires_recorded_again_are_duplicates_and_their_record_stands(test: StoreUnderTest) {
    let store = &*test.store;
    let mail = on_mail(store).await;
    let batch = |value: &str, expect| {
        let fires = vec![event(&mail, "<1@host>"), event(&mail, "<2@host>")];
        RecordFires::new(fires, at(1)).with_records(vec![write("inbox", value, expect)])
    };
    let first = store.record_fires(batch("2", Expect::Absent)).await.unwrap();
    // As after an answer that was lost.
    assert_eq!(refused(store.record_fires(batch("2", Expect::Absent)).await), ErrorCode::Conflict);
    assert_eq!(value(store, "inbox").await.as_deref(), Some("2"));
    let version = read(store, "inbox").await.unwrap().version;
    for (text, expect) in [("3", Expect::Version(version)), ("2", Expect::Any)] {
        let again = store.record_fires(batch(text, expect)).await.unwrap();
        assert!(again.iter().all(|fired| fired.disposition == Disposition::Duplicate));
        assert!(again.iter().zip(&first).all(|(again, first)| again.run_id == first.run_id));
        assert_eq!(value(store, "inbox").await.as_deref(), Some(text), "duplicates keep no record from being written");
    }
    assert_eq!(runs(store).await.len(), 2);
}

pub async fn records_are_written_when_no_fire_becomes_a_run(test: StoreUnderTest) {
    let store = &*test.store;
    let mail = on_mail(store).await;
    let none = RecordFires::new(vec![], at(1)).with_records(vec![write("inbox", "1", Expect::Absent)]);
    assert_eq!(store.record_fires(none).await.unwrap(), []);
    assert_eq!(value(store, "inbox").await.as_deref(), Some("1"));
    let gone = event(&Trigger { id: trigger_id(), ..mail }, "<2@host>");
    let gone = RecordFires::new(vec![gone], at(2)).with_records(vec![write("inbox", "2", Expect::Any)]);
    assert_eq!(store.record_fires(gone).await.unwrap()[0].disposition, Disposition::Gone);
    assert_eq!(value(store, "inbox").await.as_deref(), Some("2"));
    assert_eq!(runs(store).await, []);
}

pub async fn a_record_written_with_fires_expires_and_is_replaced_as_any(test: StoreUnderTest) {
    let store = &*test.store;
    let mail = on_mail(store).await;
    let mut lease = write("lease", "mine", Expect::Absent);
    lease.options = lease.options.expiring(at(10));
    let batch =
        |lease: &RecordWrite| RecordFires::new(vec![event(&mail, "<1@host>")], at(1)).with_records(vec![lease.clone()]);
    store.record_fires(batch(&lease)).await.unwrap();
    assert_eq!(read(store, "lease").await.unwrap().expires_at, Some(at(10)));
    assert_eq!(store.record(&space(), "lease", at(10)).await.unwrap(), None);
    lease.options = PutOptions { now: at(9), ..lease.options };
    assert_eq!(refused(store.record_fires(batch(&lease)).await), ErrorCode::Conflict);
    lease.options = PutOptions { now: at(10), ..lease.options }.expiring(at(20));
    store.record_fires(batch(&lease)).await.unwrap();
    assert_eq!(store.record(&space(), "lease", at(10)).await.unwrap().unwrap().expires_at, Some(at(20)));
}

pub async fn of_two_writes_of_one_key_the_later_one_stands(test: StoreUnderTest) {
    let store = &*test.store;
    let records = vec![write("b", "1", Expect::Absent), write("a", "x", Expect::Any), write("b", "2", Expect::Any)];
    store.record_fires(RecordFires::new(vec![], at(1)).with_records(records)).await.unwrap();
    assert_eq!(value(store, "b").await.as_deref(), Some("2"));
    assert_eq!(value(store, "a").await.as_deref(), Some("x"));
}

pub async fn a_refused_call_takes_none_of_those_beside_it_along(test: StoreUnderTest) {
    let store = &*test.store;
    let mail = on_mail(store).await;
    store.put_record(&space(), "taken", Bytes::from_static(b"0"), PutOptions::at(NOW)).await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..60 {
        let own = || write(&format!("own {number}"), "1", Expect::Absent);
        let records = match number % 4 {
            0 => vec![],
            1 => vec![own()],
            // Refused at their first record, and at a later one.
            2 => vec![write("taken", "1", Expect::Absent)],
            _ => vec![own(), write("taken", "1", Expect::Absent)],
        };
        let batch = RecordFires::new(vec![event(&mail, &number.to_string())], at(1)).with_records(records);
        let store = Arc::clone(&test.store);
        calls.spawn(async move { (number, store.record_fires(batch).await) });
    }
    for (number, answer) in calls.join_all().await {
        match number % 4 {
            0 | 1 => assert_eq!(answer.unwrap()[0].disposition, Disposition::Queued, "{number}"),
            _ => assert_eq!(refused(answer), ErrorCode::Conflict, "{number}"),
        }
        let own = value(store, &format!("own {number}")).await;
        assert_eq!(own.is_some(), number % 4 == 1, "{number}");
    }
    assert_eq!(value(store, "taken").await.as_deref(), Some("0"));
    let mut keys: Vec<usize> = runs(store).await.into_iter().map(|run| number(&run)).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..60).filter(|number| number % 4 < 2).collect::<Vec<_>>());
}

fn number(run: &Run) -> usize {
    let FireKey::Event(key) = &run.key else { panic!("no event: {run:?}") };
    key.parse().unwrap()
}

/// Reads the cursor and records the next events with it, until there are no more; returns how many it recorded.
async fn follow(store: &dyn Store, trigger: &Trigger, step: u32) -> u32 {
    let mut recorded = 0;
    loop {
        let found = read(store, "inbox").await;
        let done: u32 = found.as_ref().map_or(0, |record| std::str::from_utf8(&record.value).unwrap().parse().unwrap());
        if done == EVENTS {
            return recorded;
        }
        let expect = found.map_or(Expect::Absent, |record| Expect::Version(record.version));
        let last = EVENTS.min(done + step);
        let fires: Vec<Fire> = (done + 1..=last).map(|number| event(trigger, &number.to_string())).collect();
        let batch = RecordFires::new(fires, at(1)).with_records(vec![write("inbox", &last.to_string(), expect)]);
        match store.record_fires(batch).await {
            Ok(fired) => {
                assert!(fired.iter().all(|fired| fired.disposition == Disposition::Queued), "each event comes once");
                recorded += last - done;
            }
            Err(error) => assert_eq!(error.code(), ErrorCode::Conflict, "{}", error.chain()),
        }
    }
}

pub async fn sixty_four_writers_of_one_cursor_record_each_event_once(test: StoreUnderTest) {
    let trigger = on_mail(&*test.store).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, trigger) = (Arc::clone(&test.store), trigger.clone());
        let step = 1 + u32::try_from(writer % 3).unwrap();
        writers.spawn(async move { follow(&*store, &trigger, step).await });
    }
    assert_eq!(writers.join_all().await.into_iter().sum::<u32>(), EVENTS);
    let test = test.reopen().await;
    assert_eq!(value(&*test.store, "inbox").await, Some(EVENTS.to_string()), "the cursor stands at the last event");
    let mut keys: Vec<usize> = runs(&*test.store).await.iter().map(number).collect();
    keys.sort_unstable();
    assert_eq!(keys, (1..=EVENTS as usize).collect::<Vec<_>>());
}
