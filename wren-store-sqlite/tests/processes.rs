//! Several processes on one file.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::HashSet;

use bytes::Bytes;
use support::{Other, integrity};
use wren_conformance::fixtures::{ada, at, claim, every_minute, finish, fire, limits, owner, revision, success};
use wren_core::RunId;
use wren_core::model::{PageOptions, RunState};
use wren_core::store::{
    ClaimOptions, DeploymentStore, Disposition, Expect, Fire, ListRuns, Namespace, PutOptions, RecordFires,
    RecordStore, RunStore,
};
use wren_store_sqlite::SqliteStore;

const MINUTES: i64 = 40;

/// Records the same due times as every other process, runs what it can claim, and counts up a shared record.
#[tokio::test]
#[ignore = "runs as another process of the other tests"]
async fn shares_the_work() {
    let Some(file) = Other::file() else { return };
    let store = SqliteStore::open_path(file).await.unwrap();
    let trigger = store.scan_triggers(None, 1).await.unwrap().remove(0);
    for minute in 1..=MINUTES {
        let due = at(minute * 60);
        let fires = vec![Fire { run_id: RunId::new(), ..fire(&trigger, due) }];
        if store.record_fires(RecordFires::new(fires, due)).await.unwrap()[0].disposition == Disposition::Queued {
            Other::tell("recorded");
        }
        let options = ClaimOptions { limits: limits(1), ..claim(due) };
        for run in store.claim(options).await.unwrap().runs {
            store.finish(finish(&run, success(), due)).await.unwrap();
            Other::tell(&format!("ran {}", run.id));
        }
        count_up(&store).await;
    }
    store.close().await.unwrap();
}

/// Adds one to a record by compare-and-swap, however often another process was faster.
async fn count_up(store: &SqliteStore) {
    let space = Namespace::owned(&ada(), "count");
    loop {
        let found = store.record(&space, "n", at(0)).await.unwrap();
        let (count, expect) = found.map_or((0, Expect::Absent), |record| {
            (std::str::from_utf8(&record.value).unwrap().parse::<u64>().unwrap(), Expect::Version(record.version))
        });
        let value = Bytes::from((count + 1).to_string());
        if store.put_record(&space, "n", value, PutOptions::at(at(0)).expecting(expect)).await.is_ok() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_record_each_due_time_once_and_run_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    let store = SqliteStore::open_path(&file).await.unwrap();
    store.put_revision(&ada(), revision("shared", vec![every_minute("main")])).await.unwrap();

    let others: Vec<Other> = (0..3).map(|_| Other::start("shares_the_work", &file)).collect();
    let told: Vec<String> = others.into_iter().flat_map(Other::wait).collect();

    let recorded = told.iter().filter(|line| *line == "recorded").count();
    assert_eq!(recorded, MINUTES as usize);
    let ran: Vec<&String> = told.iter().filter(|line| line.starts_with("ran ")).collect();
    assert_eq!(ran.iter().collect::<HashSet<_>>().len(), ran.len());
    let options = ListRuns { page: PageOptions::first(1000), ..ListRuns::default() };
    let runs = store.runs(&ada(), options).await.unwrap().items;
    assert_eq!(runs.len(), MINUTES as usize);
    assert_eq!(runs.iter().filter(|run| run.state == RunState::Success).count(), ran.len());
    let count = store.record(&Namespace::owned(&ada(), "count"), "n", at(0)).await.unwrap().unwrap();
    assert_eq!(count.value, (3 * MINUTES).to_string());
    store.close().await.unwrap();
    assert_eq!(integrity(&file).await, "ok");
}

/// Opens the file, which may not be there yet, and writes one record.
#[tokio::test]
#[ignore = "runs as another process of the other tests"]
async fn opens_and_writes() {
    let Some(file) = Other::file() else { return };
    let store = SqliteStore::open_path(file).await.unwrap();
    let space = Namespace::system(format!("process-{}", std::process::id()));
    store.put_record(&space, "here", Bytes::new(), PutOptions::at(at(0))).await.unwrap();
    Other::tell(space.name());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_open_a_new_file_at_once_all_succeed() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new").join("wren.db");
        let others: Vec<Other> = (0..4).map(|_| Other::start("opens_and_writes", &file)).collect();
        let told: Vec<String> = others.into_iter().flat_map(Other::wait).collect();
        assert_eq!(told.len(), 4);
        let store = SqliteStore::open_path(&file).await.unwrap();
        for name in told {
            assert!(store.record(&Namespace::system(name), "here", at(0)).await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn two_stores_in_one_process_see_each_other_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    let (one, two) = (SqliteStore::open_path(&file).await.unwrap(), SqliteStore::open_path(&file).await.unwrap());
    for number in 0..20 {
        let name = format!("o{number}");
        one.put_revision(&owner(&name), revision("seen", vec![])).await.unwrap();
        let seen = two.deployments(&owner(&name), Default::default()).await.unwrap();
        assert_eq!(seen.items.len(), 1);
    }
}
