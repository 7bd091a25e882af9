//! PostgreSQL: `COPY` of the same rows into tables of the same columns and indexes, the fastest way in that there is.

use std::time::Instant;

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{Row, Technology, check, per_second, record, whole_batches};
use crate::Failure;
use crate::stores::server::Server;
use crate::workload::BATCH;

pub(crate) async fn postgres(server: &Server, fires: usize) -> Result<Row, Failure> {
    let fires = whole_batches(fires);
    let (recorded, raw) = (server.schema(), server.schema());
    let store = server.open(&recorded).await?;
    let rate = record(&store, fires).await?;
    store.close().await?;
    let raw_rate = copy(&mut server.connect().await?, &recorded, &raw, fires).await?;
    Ok(Row::new(Technology::Postgres, fires, rate, "COPY", raw_rate))
}

async fn copy(connection: &mut PgConnection, recorded: &str, raw: &str, fires: usize) -> Result<f64, Failure> {
    // Safe: names that were made here, as in all statements below.
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {raw}"))).execute(&mut *connection).await?;
    // Of each table the rows of each transaction.
    let mut tables = Vec::new();
    for (table, key) in [("runs", "id"), ("progress", "run_id")] {
        let make = format!("CREATE TABLE {raw}.{table} (LIKE {recorded}.{table} INCLUDING ALL)");
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *connection).await?;
        let read = format!("COPY (SELECT * FROM {recorded}.{table} ORDER BY {key}) TO STDOUT");
        // One piece for each row.
        let rows: Vec<_> = connection.copy_out_raw(&read).await?.try_collect().await?;
        check(rows.len(), fires)?;
        tables.push((format!("COPY {raw}.{table} FROM STDIN"), rows));
    }
    let started = Instant::now();
    let mut copied = 0;
    for first in (0..fires).step_by(BATCH) {
        let mut transaction = connection.begin().await?;
        for (write, rows) in &tables {
            let rows = rows.get(first..(first + BATCH).min(fires)).unwrap_or_default();
            let mut into = transaction.copy_in_raw(write).await?;
            into.send(rows.concat()).await?;
            copied += into.finish().await?;
        }
        transaction.commit().await?;
    }
    let rate = per_second(fires, started);
    check(usize::try_from(copied)?, fires * tables.len())?;
    Ok(rate)
}
