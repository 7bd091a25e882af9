//! Durable writes per second, `synchronous=FULL`, beside raw inserts of the same rows in the same run.
//!
//! `cargo bench -p wren-store-sqlite`; the folder of the files is `TMPDIR`'s, which should be on a disk.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a bench fails, and printing is what it is for"
)]

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Row, TypeInfo, ValueRef};
use wren_conformance::fixtures::{at, claim, every_minute, finish, fire, limits, line, owner, revision, success};
use wren_core::model::Trigger;
use wren_core::store::{AppendLogs, ClaimOptions, DeploymentStore, RecordFires, RunStore};
use wren_store_sqlite::SqliteStore;

const OWNERS: usize = 10;
const TRIGGERS: usize = 10_000;
const FIRES_AT_ONCE: usize = 1_000;
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` runs benches too, to see that they start; there is nothing to measure then.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wren.db");
    let store = Arc::new(SqliteStore::open_path(&path).await.unwrap());
    let triggers = deploy(&store).await;

    let fires = fires(&store, &triggers).await;
    let raw = raw(&path, &folder.path().join("raw.db")).await;
    report("fires, batches of 1,000", fires);
    report("raw inserts of the same rows", raw);
    println!("{:<52} {:>10.2}", "fires ÷ raw", fires.per_second() / raw.per_second());

    report("claim(1) + finish, 1 client", claim_and_finish(&store, 1, 500).await);
    report("claim(1) + finish, 64 clients", claim_and_finish(&store, 64, 100).await);
    report("claim(64), 64 × finish, as the engine does", in_batches(&store, 64, 150).await);
    report("log lines, 64 runs × 10 at a time", log_lines(&store, 64, 100).await);
    store.close().await.unwrap();
}

#[derive(Clone, Copy)]
struct Measured {
    count: usize,
    took: Duration,
}

impl Measured {
    fn per_second(self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

fn report(what: &str, measured: Measured) {
    println!("{what:<52} {:>10.0} /s   ({} in {:.0?})", measured.per_second(), measured.count, measured.took);
}

async fn measure(count: usize, work: impl Future<Output = ()>) -> Measured {
    let start = Instant::now();
    work.await;
    Measured { count, took: start.elapsed() }
}

async fn deploy(store: &SqliteStore) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    for number in 0..OWNERS {
        let owner = owner(&format!("owner-{number}"));
        let specs = (0..TRIGGERS / OWNERS)
            .map(|place| {
                let mut spec = every_minute("main");
                spec.config.insert("place".into(), place.into());
                spec
            })
            .collect();
        triggers.extend(store.put_revision(&owner, revision("bench", specs)).await.unwrap().triggers);
    }
    triggers
}

/// Records the due times of all triggers, minute by minute.
async fn fires(store: &SqliteStore, triggers: &[Trigger]) -> Measured {
    measure(ROUNDS * triggers.len(), async {
        for minute in 1..=ROUNDS as i64 {
            let due = at(minute * 60);
            for some in triggers.chunks(FIRES_AT_ONCE) {
                let batch = some.iter().map(|trigger| fire(trigger, due)).collect();
                store.record_fires(RecordFires::new(batch, due)).await.unwrap();
            }
        }
    })
    .await
}

/// Inserts the rows of the first file into a second one of the same schema, in transactions of the same size.
async fn raw(from: &Path, to: &Path) -> Measured {
    const ROWS: usize = 100;
    SqliteStore::open_path(to).await.unwrap().close().await.unwrap();
    let mut source = SqliteConnectOptions::new().filename(from).read_only(true).connect().await.unwrap();
    let rows = sqlx::query("SELECT * FROM runs ORDER BY rowid").fetch_all(&mut source).await.unwrap();
    source.close().await.unwrap();
    let mut target = SqliteConnectOptions::new()
        .filename(to)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "4096")
        .connect()
        .await
        .unwrap();
    let columns = rows[0].columns().len();
    let tuple = format!("({})", vec!["?"; columns].join(","));
    let text: Arc<str> = format!("INSERT INTO runs VALUES {}", vec![tuple; ROWS].join(",")).into();
    measure(rows.len(), async {
        for batch in rows.chunks(FIRES_AT_ONCE) {
            sqlx::query("BEGIN IMMEDIATE").execute(&mut target).await.unwrap();
            for piece in batch.chunks(ROWS) {
                let mut statement = sqlx::query(AssertSqlSafe(text.clone()));
                for row in piece {
                    for column in row.columns() {
                        let place = column.ordinal();
                        let value = row.try_get_raw(place).unwrap();
                        statement = match (value.is_null(), value.type_info().name()) {
                            (true, _) => statement.bind(None::<i64>),
                            (_, "INTEGER") => statement.bind(row.get::<i64, _>(place)),
                            (_, "BLOB") => statement.bind(row.get::<Vec<u8>, _>(place)),
                            (_, "TEXT") => statement.bind(row.get::<String, _>(place)),
                            (_, other) => panic!("a column of type {other}"),
                        };
                    }
                }
                statement.execute(&mut target).await.unwrap();
            }
            sqlx::query("COMMIT").execute(&mut target).await.unwrap();
        }
    })
    .await
}

async fn claim_and_finish(store: &Arc<SqliteStore>, clients: usize, each: usize) -> Measured {
    measure(clients * each, async {
        let clients = (0..clients).map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for _ in 0..each {
                    let claimed = store.claim(one()).await.unwrap();
                    store.finish(finish(&claimed.runs[0], success(), at(3600))).await.unwrap();
                }
            })
        });
        join_all(clients).await.into_iter().for_each(|client| client.unwrap());
    })
    .await
}

fn one() -> ClaimOptions {
    ClaimOptions { limits: limits(1), ..claim(at(3600)) }
}

async fn in_batches(store: &Arc<SqliteStore>, size: usize, rounds: usize) -> Measured {
    measure(size * rounds, async {
        for _ in 0..rounds {
            let options = ClaimOptions { limits: limits(size), ..claim(at(3600)) };
            let claimed = store.claim(options).await.unwrap();
            assert_eq!(claimed.runs.len(), size);
            let ends = claimed.runs.iter().map(|run| store.finish(finish(run, success(), at(3600))));
            join_all(ends).await.into_iter().for_each(|end| drop(end.unwrap()));
        }
    })
    .await
}

async fn log_lines(store: &Arc<SqliteStore>, runs: usize, rounds: usize) -> Measured {
    const LINES: usize = 10;
    let options = ClaimOptions { limits: limits(runs), ..claim(at(3600)) };
    let claimed = store.claim(options).await.unwrap().runs;
    measure(runs * rounds * LINES, async {
        for _ in 0..rounds {
            let appends = claimed.iter().map(|run| {
                let lines = vec![line("the quick brown fox jumps over the lazy dog, and so on"); LINES];
                store.append_logs(vec![AppendLogs { held: wren_conformance::fixtures::held(run), lines }])
            });
            join_all(appends).await.into_iter().for_each(|done| drop(done.unwrap()));
        }
    })
    .await
}
