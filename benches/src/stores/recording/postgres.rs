//! PostgreSQL: `COPY` of the same rows into a table of the same columns and indexes, the fastest way in that there is.

use std::time::Instant;

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, PgConnection};

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
    let make = format!("CREATE SCHEMA {raw}; CREATE TABLE {raw}.runs (LIKE {recorded}.runs INCLUDING ALL)");
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *connection).await?;
    let read = format!("COPY (SELECT * FROM {recorded}.runs ORDER BY id) TO STDOUT");
    // One piece for each row.
    let rows: Vec<_> = connection.copy_out_raw(&read).await?.try_collect().await?;
    check(rows.len(), fires)?;
    let transactions: Vec<Vec<u8>> = rows.chunks(BATCH).map(<[_]>::concat).collect();
    let write = format!("COPY {raw}.runs FROM STDIN");
    let started = Instant::now();
    let mut copied = 0;
    for rows in transactions {
        let mut into = connection.copy_in_raw(&write).await?;
        into.send(rows).await?;
        copied += into.finish().await?;
    }
    let rate = per_second(fires, started);
    check(usize::try_from(copied)?, fires)?;
    Ok(rate)
}
