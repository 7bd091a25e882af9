//! Due times recorded by the store, beside the same rows inserted by SQLite alone.

use std::path::Path;
use std::time::Instant;

use chrono::{TimeDelta, Utc};
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use wren_core::model::FireKey;
use wren_core::schedule::{Every, Schedule};
use wren_core::store::{Fire, RunStore as _};
use wren_core::{CorrelationId, OwnerId, RunId};
use wren_store_sqlite::SqliteStore;

use super::world;
use crate::Failure;
use crate::report::{Ratio, Target};

/// What one transaction records, on both sides: as many as the engine hands over at once.
const BATCH: usize = 1_000;
const TRIGGERS: usize = 1_000;

#[derive(Debug, Serialize)]
pub(super) struct Row {
    side: &'static str,
    rows: usize,
    rate: f64,
}

impl Row {
    pub(super) fn cells(&self) -> Vec<String> {
        vec![self.side.to_owned(), self.rows.to_string(), format!("{:.0}", self.rate)]
    }
}

pub(super) async fn measure(folder: &Path, fires: usize) -> Result<Vec<Row>, Failure> {
    let recorded = folder.join("recorded.db");
    let wren = record(&recorded, fires).await?;
    let raw = insert(&folder.join("raw.db"), &recorded, fires).await?;
    Ok(vec![wren, raw])
}

async fn record(path: &Path, fires: usize) -> Result<Row, Failure> {
    let store = SqliteStore::open_path(path).await?;
    let owner = OwnerId::new("bench")?;
    let start = Utc::now();
    let schedule = Schedule::every(Every::parse("1m")?, start);
    let triggers = world::deploy(&store, &owner, &vec![schedule; TRIGGERS], "def main():\n    pass\n").await?;
    let batches: Vec<Vec<Fire>> = (0..fires)
        .map(|number| {
            let due = start + TimeDelta::minutes(1 + i64::try_from(number / TRIGGERS).unwrap_or_default());
            Fire {
                run_id: RunId::new(),
                trigger_id: triggers[number % TRIGGERS].id,
                key: FireKey::Scheduled(due),
                scheduled_for: due,
                payload: None,
                not_before: due,
                skip: None,
                correlation_id: CorrelationId::generate(),
            }
        })
        .collect::<Vec<_>>()
        .chunks(BATCH)
        .map(<[Fire]>::to_vec)
        .collect();
    let started = Instant::now();
    for batch in batches {
        store.record_fires(batch, start).await?;
    }
    let rate = fires as f64 / started.elapsed().as_secs_f64();
    store.close().await?;
    Ok(Row { side: "wren: decided, deduplicated, cursors moved", rows: fires, rate })
}

/// Copies the same rows within SQLite, which reads them faster than any program could bind them.
async fn insert(path: &Path, recorded: &Path, fires: usize) -> Result<Row, Failure> {
    SqliteStore::open_path(path).await?.close().await?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false);
    let mut raw = SqliteConnection::connect_with(&options).await?;
    sqlx::query("ATTACH ? AS recorded").bind(recorded.to_string_lossy().into_owned()).execute(&mut raw).await?;
    // All rows are read once before, so that both sides find them in memory.
    let _: i64 = sqlx::query_scalar("SELECT sum(length(id)) FROM recorded.runs").fetch_one(&mut raw).await?;
    let (first, last): (i64, i64) =
        sqlx::query_as("SELECT min(rowid), max(rowid) FROM recorded.runs").fetch_one(&mut raw).await?;
    let started = Instant::now();
    let mut from = first;
    while from <= last {
        let to = from + i64::try_from(BATCH)?;
        let text = format!("INSERT INTO main.runs SELECT * FROM recorded.runs WHERE rowid >= {from} AND rowid < {to}");
        // Safe: numbers alone.
        sqlx::query(AssertSqlSafe(text)).execute(&mut raw).await?;
        from = to;
    }
    let rate = fires as f64 / started.elapsed().as_secs_f64();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM main.runs").fetch_one(&mut raw).await?;
    raw.close().await?;
    Ok(Row { side: "raw: INSERT … SELECT of the same rows", rows: usize::try_from(rows)?, rate })
}

pub(super) fn ratios(rows: &[Row]) -> Vec<Ratio> {
    let [wren, raw] = rows else { return Vec::new() };
    vec![Ratio {
        what: "fires recorded ÷ raw batched inserts",
        ratio: wren.rate / raw.rate,
        target: Target::AtLeast(0.3),
    }]
}
