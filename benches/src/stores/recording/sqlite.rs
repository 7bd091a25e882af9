//! SQLite: `INSERT … SELECT` of the same rows from another file, which reads them faster than any program could bind them.

use std::path::Path;
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use wren_store_sqlite::SqliteStore;

use super::{Row, Technology, check, per_second, record, whole_batches};
use crate::Failure;
use crate::workload::BATCH;

pub(crate) async fn sqlite(folder: &Path, fires: usize) -> Result<Row, Failure> {
    let fires = whole_batches(fires);
    let recorded = folder.join("recorded.db");
    let store = SqliteStore::open_path(&recorded).await?;
    let rate = record(&store, fires).await?;
    store.close().await?;
    let raw_rate = insert(&folder.join("raw.db"), &recorded, fires).await?;
    Ok(Row::new(Technology::Sqlite, fires, rate, "INSERT … SELECT, synchronous=FULL", raw_rate))
}

async fn insert(path: &Path, recorded: &Path, fires: usize) -> Result<f64, Failure> {
    // The same tables and indexes.
    SqliteStore::open_path(path).await?.close().await?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        // As the store has them.
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "4096");
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
    let rate = per_second(fires, started);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM main.runs").fetch_one(&mut raw).await?;
    raw.close().await?;
    check(usize::try_from(rows)?, fires)?;
    Ok(rate)
}
