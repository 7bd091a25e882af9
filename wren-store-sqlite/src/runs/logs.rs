//! What runs printed.

use sqlx::{SqliteConnection, SqlitePool};
use wren_core::model::{LogEntry, LogStream};
use wren_core::store::kit::NewLine;
use wren_core::{OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, blob, micros, word};
use crate::sql::{pieces, with_rows};

/// Appends lines.
pub(crate) async fn append(connection: &mut SqliteConnection, lines: &[NewLine<'_>]) -> Result<()> {
    for piece in pieces(lines) {
        let mut statement =
            with_rows("INSERT INTO logs (run_id, seq, attempt, at, stream, text) VALUES {rows}", piece.len(), 6);
        for NewLine { run, seq, attempt, line } in piece {
            statement = statement
                .bind(blob(run.uuid()))
                .bind(*seq as i64)
                .bind(i64::from(*attempt))
                .bind(micros(line.at))
                .bind(line.stream.as_str())
                .bind(line.text.clone());
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

pub(crate) const READ: &str = "SELECT l.seq, l.at, l.attempt, l.stream, l.text \
     FROM runs r LEFT JOIN logs l ON l.run_id = r.id AND l.seq > ? \
     WHERE r.id = ? AND r.owner = ? ORDER BY l.seq LIMIT ?";

/// Reads a run's lines; the run and its lines in one statement, and so from one snapshot.
pub(crate) async fn read(
    readers: &SqlitePool,
    owner: &OwnerId,
    id: RunId,
    after_seq: u64,
    limit: usize,
) -> Result<Option<Vec<LogEntry>>> {
    let rows = sqlx::query(READ)
        .bind(i64::try_from(after_seq).unwrap_or(i64::MAX))
        .bind(blob(id.uuid()))
        .bind(owner.as_str().to_owned())
        // Without a row there is no telling a run that printed nothing from one that does not exist.
        .bind(i64::try_from(limit.max(1)).unwrap_or(i64::MAX))
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
            seq: crate::rows::unsigned("log number", seq)?,
            at: columns.instant()?,
            attempt: columns.number("attempt")?,
            stream: word("stream", columns.text()?, LogStream::parse)?,
            text: columns.take()?,
        });
    }
    Ok(Some(entries))
}
