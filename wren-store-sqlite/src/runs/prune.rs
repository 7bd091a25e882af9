//! The end of old runs, and of old logs before them.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::{Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, blob, micros};
use crate::sql::{pieces, with_list};

pub(crate) const PRUNE: &str =
    "DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE completed_at < ? ORDER BY completed_at LIMIT ?)";

/// Deletes terminal runs; attempts and logs go with their run by their foreign keys.
pub(crate) async fn prune(connection: &mut SqliteConnection, before: DateTime<Utc>, limit: usize) -> Result<usize> {
    let deleted = sqlx::query(PRUNE)
        .bind(micros(before))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(connection)
        .await
        .or_store_error()?;
    Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX))
}

pub(crate) const UNPRUNED: &str = "SELECT id, completed_at FROM runs WHERE completed_at >= ? AND completed_at < ? \
     AND started_at IS NOT NULL AND logs_pruned = 0 ORDER BY completed_at LIMIT ?";

/// Returns terminal runs whose lines may be there, first ended first, and when each was completed.
pub(crate) async fn unpruned(
    connection: &mut SqliteConnection,
    since: Option<DateTime<Utc>>,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<(RunId, DateTime<Utc>)>> {
    let rows = sqlx::query(UNPRUNED)
        .bind(since.map_or(i64::MIN, micros))
        .bind(micros(before))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await
        .or_store_error()?;
    let read = |row| {
        let mut columns = Columns::new(row);
        Ok((RunId::from_uuid(columns.uuid()?), columns.instant()?))
    };
    rows.iter().map(read).collect()
}

pub(crate) const DELETE_LOGS: &str = "DELETE FROM logs WHERE run_id IN ({list})";
pub(crate) const NOTE_PRUNED: &str = "UPDATE runs SET logs_pruned = 1 WHERE id IN ({list})";

/// Deletes the lines of runs.
pub(crate) async fn delete_logs(connection: &mut SqliteConnection, ids: &[RunId]) -> Result<()> {
    for piece in pieces(ids) {
        for template in [DELETE_LOGS, NOTE_PRUNED] {
            let mut statement = with_list(template, piece.len());
            for id in piece {
                statement = statement.bind(blob(id.uuid()));
            }
            statement.execute(&mut *connection).await.or_store_error()?;
        }
    }
    Ok(())
}
