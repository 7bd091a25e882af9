//! The end of old runs.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::Result;

use crate::error::OrStoreError;
use crate::rows::micros;

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
