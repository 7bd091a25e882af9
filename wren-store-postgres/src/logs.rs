//! What runs printed.

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool};
use wren_core::model::{LogEntry, LogStream};
use wren_core::store::kit::NewLine;
use wren_core::{OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, micros, number, text};

/// Returns the last log number of each of the runs that has one.
pub(crate) async fn last(connection: &mut PgConnection, ids: &[RunId]) -> Result<HashMap<RunId, u64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    // Not GROUP BY, which would read every line of the runs: the subquery looks at the last one only.
    let rows = sqlx::query(
        "SELECT v.id, l.seq FROM unnest($1::uuid[]) AS v (id) CROSS JOIN LATERAL \
         (SELECT seq FROM logs WHERE run_id = v.id ORDER BY seq DESC LIMIT 1) l",
    )
    .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .or_store_error()?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok((RunId::from_uuid(columns.uuid()?), columns.number("log number")?))
        })
        .collect()
}

/// Appends lines.
pub(crate) async fn append(connection: &mut PgConnection, lines: &[NewLine<'_>]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO logs (run_id, seq, at, attempt, stream, line) SELECT * FROM \
         unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[])",
    )
    .bind(lines.iter().map(|new| new.run.uuid()).collect::<Vec<_>>())
    .bind(lines.iter().map(|new| new.seq as i64).collect::<Vec<_>>())
    .bind(lines.iter().map(|new| micros(new.line.at)).collect::<Vec<_>>())
    .bind(lines.iter().map(|new| i64::from(new.attempt)).collect::<Vec<_>>())
    .bind(lines.iter().map(|new| new.line.stream.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|new| new.line.text.as_bytes()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Reads a run's lines; the run and its lines in one statement, and so from one snapshot.
pub(crate) async fn read(
    readers: &PgPool,
    owner: &OwnerId,
    id: RunId,
    after: u64,
    limit: usize,
) -> Result<Option<Vec<LogEntry>>> {
    let rows = sqlx::query(
        "SELECT l.seq, l.at, l.attempt, l.stream, l.line FROM runs r LEFT JOIN logs l ON l.run_id = r.id AND l.seq > $1 \
         WHERE r.id = $2 AND r.owner = $3 ORDER BY l.seq LIMIT $4",
    )
    .bind(i64::try_from(after).unwrap_or(i64::MAX))
    .bind(id.uuid())
    .bind(owner.as_str())
    // Without a row there is no telling a run that printed nothing from one that does not exist.
    .bind(number(limit.max(1)))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut entries = Vec::with_capacity(rows.len().min(limit));
    for row in rows.iter().take(limit) {
        let mut columns = Columns::new(row);
        let Some(seq) = columns.take::<Option<i64>>()? else { break };
        entries.push(LogEntry {
            seq: seq.unsigned_abs(),
            at: columns.instant()?,
            attempt: columns.number("attempt")?,
            stream: columns.word("stream", LogStream::parse)?,
            text: text("line", columns.take()?)?,
        });
    }
    Ok(Some(entries))
}
