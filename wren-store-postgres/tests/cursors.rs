//! Cursors that several servers move, each with the events it records.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use tokio::task::JoinSet;
use wren_conformance::fixtures::{NOW, ada, at, event, on_email, revision};
use wren_core::ErrorCode;
use wren_core::model::{PageOptions, Trigger};
use wren_core::store::{
    DeploymentStore, Disposition, Expect, ListRuns, Namespace, PutOptions, RecordFires, RecordStore, RecordWrite,
    RunStore,
};
use wren_store_postgres::PostgresStore;

const SERVERS: usize = 3;
const WRITERS: usize = 8;
/// How many events there are for all of them.
const EVENTS: u32 = 60;

fn space() -> Namespace {
    Namespace::system("cursors")
}

fn write(key: &str, value: u32, expect: Expect) -> RecordWrite {
    let options = PutOptions::at(NOW).expecting(expect);
    RecordWrite { namespace: space(), key: key.to_owned(), value: value.to_string().into(), options }
}

/// Records the next event with two cursors that move together, named in an order of its own, until there are no more.
async fn follow(store: &PostgresStore, trigger: &Trigger, turned: bool) -> u32 {
    let mut recorded = 0;
    loop {
        let found = store.record(&space(), "a", NOW).await.unwrap();
        let other = store.record(&space(), "b", NOW).await.unwrap();
        let done: u32 = found.as_ref().map_or(0, |one| std::str::from_utf8(&one.value).unwrap().parse().unwrap());
        if done == EVENTS {
            return recorded;
        }
        let expect = |record: Option<wren_core::store::Record>| {
            record.map_or(Expect::Absent, |record| Expect::Version(record.version))
        };
        let mut records = vec![write("a", done + 1, expect(found)), write("b", done + 1, expect(other))];
        if turned {
            records.reverse();
        }
        let batch = RecordFires::new(vec![event(trigger, &(done + 1).to_string())], at(1)).with_records(records);
        match store.record_fires(batch).await {
            Ok(fired) => {
                assert_eq!(fired[0].disposition, Disposition::Queued, "each event comes once");
                recorded += 1;
            }
            Err(error) => assert_eq!(error.code(), ErrorCode::Conflict, "{}", error.chain()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_move_the_same_cursors_record_each_event_once() {
    let Some(server) = support::server() else { return };
    let options = support::fresh(server);
    let mut stores = Vec::new();
    for _ in 0..SERVERS {
        stores.push(Arc::new(PostgresStore::open(options.clone()).await.unwrap()));
    }
    let trigger =
        stores[0].put_revision(&ada(), revision("mail", vec![on_email("mail")])).await.unwrap().triggers.remove(0);
    let mut writers = JoinSet::new();
    for (place, store) in stores.iter().enumerate() {
        for writer in 0..WRITERS {
            let (store, trigger) = (Arc::clone(store), trigger.clone());
            writers.spawn(async move { follow(&store, &trigger, (place + writer).is_multiple_of(2)).await });
        }
        // Writes of the same records that come with no fires.
        let store = Arc::clone(store);
        writers.spawn(async move {
            for _ in 0..EVENTS {
                for key in ["b", "a"] {
                    let options = PutOptions::at(NOW).expecting(Expect::Version(0));
                    let refused = store.put_record(&space(), key, "x".into(), options).await;
                    assert_eq!(refused.unwrap_err().code(), ErrorCode::Conflict);
                }
            }
            0
        });
    }
    assert_eq!(writers.join_all().await.into_iter().sum::<u32>(), EVENTS);
    for key in ["a", "b"] {
        let record = stores[1].record(&space(), key, NOW).await.unwrap().unwrap();
        assert_eq!(&record.value[..], EVENTS.to_string().as_bytes());
    }
    let list = ListRuns { page: PageOptions::first(1_000), ..ListRuns::default() };
    assert_eq!(stores[2].runs(&ada(), list).await.unwrap().items.len(), EVENTS as usize);
}
