//! Kill -9 in the middle of writes: what was acknowledged is there, and nothing is there by half.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::path::Path;

use bytes::Bytes;
use sqlx::Row;
use support::{Other, integrity, plain};
use wren_conformance::fixtures::{ada, at, claim, every_minute, finish, fire, limits, line, revision, success};
use wren_core::RunId;
use wren_core::model::{RunState, Trigger};
use wren_core::store::{
    AppendLogs, ClaimOptions, DeploymentStore, Fired, Namespace, PutOptions, RecordFires, RecordStore, RunStore,
};
use wren_store_sqlite::SqliteStore;

const TRIGGERS: usize = 20;

/// Kills after so many acknowledgements: the first writes, each kind of write, and deep in a file that has seen kills.
const KILLS: [usize; 24] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 17, 23, 31, 43, 59, 61, 79, 97, 101, 127, 211];

async fn triggers(store: &SqliteStore) -> Vec<Trigger> {
    let specs = (0..TRIGGERS)
        .map(|place| {
            let mut spec = every_minute("main");
            spec.config.insert("place".into(), place.into());
            spec
        })
        .collect();
    store.put_revision(&ada(), revision("crash", specs)).await.unwrap().triggers
}

/// Writes of every kind without end, each told once it is acknowledged. Not a test: `kill_at_many_moments` starts it.
#[tokio::test]
#[ignore = "runs as another process of the other tests"]
async fn writes_without_end() {
    let Some(file) = Other::file() else { return };
    let store = SqliteStore::open_path(file).await.unwrap();
    let triggers = triggers(&store).await;
    let cursor = triggers.iter().map(|trigger| trigger.cursor).max().unwrap();
    for minute in 1.. {
        let now = cursor + chrono::TimeDelta::minutes(minute);
        let fires =
            triggers.iter().map(|trigger| wren_core::store::Fire { run_id: RunId::new(), ..fire(trigger, now) });
        for Fired { run_id, .. } in store.record_fires(RecordFires::new(fires.collect(), now)).await.unwrap() {
            Other::tell(&format!("fired {run_id}"));
        }
        let options = ClaimOptions { limits: limits(8), ..claim(now) };
        for run in store.claim(options).await.unwrap().runs {
            Other::tell(&format!("claimed {}", run.id));
            let held = wren_conformance::fixtures::held(&run);
            store.append_logs(vec![AppendLogs { held, lines: vec![line("one")] }]).await.unwrap();
            Other::tell(&format!("printed {}", run.id));
            let mut end = finish(&run, success(), now);
            end.logs = vec![line("two")];
            store.finish(end).await.unwrap();
            Other::tell(&format!("finished {}", run.id));
        }
        let space = Namespace::system("crash");
        let key = minute.to_string();
        store.put_record(&space, &key, Bytes::from_static(b"value"), PutOptions::at(at(0))).await.unwrap();
        Other::tell(&format!("put {key}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_any_moment_what_was_acknowledged_is_there_and_nothing_is_half_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wren.db");
    for lines in KILLS {
        let mut other = Other::start("writes_without_end", &file);
        let mut told: Vec<String> = (0..lines).filter_map(|_| other.next()).collect();
        told.extend(other.kill());
        assert!(told.len() >= lines);
        // A kill before the first acknowledgement may come before there is a file.
        let store = SqliteStore::open_path(&file).await.unwrap();
        for line in &told {
            acknowledged(&store, line).await;
        }
        store.close().await.unwrap();
        assert_eq!(integrity(&file).await, "ok");
        whole(&file).await;
    }
}

/// Checks that an acknowledged effect is there.
async fn acknowledged(store: &SqliteStore, line: &str) {
    let (what, of) = line.split_once(' ').unwrap();
    if what == "put" {
        let found = store.record(&Namespace::system("crash"), of, at(0)).await.unwrap();
        assert!(found.is_some(), "{line}");
        return;
    }
    let id: RunId = of.parse().unwrap();
    let (run, attempts) = store.run(&ada(), id).await.unwrap();
    let printed = store.logs(&ada(), id, 0, 10).await.unwrap().len();
    match what {
        "fired" => {}
        "claimed" => assert_eq!(attempts.len(), 1, "{line}"),
        "printed" => assert!(printed >= 1, "{line}"),
        "finished" => {
            assert_eq!(run.state, RunState::Success, "{line}");
            assert_eq!(printed, 2, "{line}");
            assert!(attempts[0].end.is_some(), "{line}");
        }
        other => panic!("{other}"),
    }
}

/// Checks what one transaction writes together.
async fn whole(file: &Path) {
    let mut connection = plain(file).await;
    let claims = [
        ("runs of a batch without the others", "SELECT scheduled_for FROM runs GROUP BY 1 HAVING count(*) <> 20"),
        (
            "a cursor apart from the runs",
            "SELECT 1 FROM triggers t WHERE cursor <> coalesce((SELECT max(scheduled_for) FROM runs \
             WHERE trigger_id = t.id), cursor)",
        ),
        (
            "a running run without its open attempt",
            "SELECT 1 FROM runs r WHERE state = 'running' AND NOT EXISTS \
             (SELECT 1 FROM attempts WHERE run_id = r.id AND epoch = r.epoch AND end IS NULL)",
        ),
        (
            "an ended run with an open attempt or not all of its lines",
            "SELECT 1 FROM runs r WHERE state = 'success' AND (EXISTS \
             (SELECT 1 FROM attempts WHERE run_id = r.id AND end IS NULL) OR \
             (SELECT count(*) FROM logs WHERE run_id = r.id) <> 2)",
        ),
    ];
    for (claim, text) in claims {
        let found = sqlx::query(text).fetch_all(&mut connection).await.unwrap();
        assert!(found.is_empty(), "{claim}");
    }
    let runs: i64 = sqlx::query("SELECT count(*) FROM runs").fetch_one(&mut connection).await.unwrap().get(0);
    assert_eq!(runs % TRIGGERS as i64, 0);
}
