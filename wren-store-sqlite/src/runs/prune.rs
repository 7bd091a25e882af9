//! The end of old runs.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::Result;

use crate::error::OrStoreError;
use crate::rows::micros;
use crate::writer::Operation;

/// Deletes terminal runs.
pub(super) struct Prune {
    pub(super) before: DateTime<Utc>,
    pub(super) limit: usize,
}

pub(crate) const PRUNE: &str =
    "DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE completed_at < ? ORDER BY completed_at LIMIT ?)";

impl Operation for Prune {
    type Output = usize;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<usize>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            // Attempts and logs go with their run by their foreign keys.
            let deleted = sqlx::query(PRUNE)
                .bind(micros(operation.before))
                .bind(i64::try_from(operation.limit).unwrap_or(i64::MAX))
                .execute(&mut *connection)
                .await
                .or_store_error()?;
            answers.push(Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX)));
        }
        Ok(answers)
    }
}
