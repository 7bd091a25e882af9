//! Whether the store can be written now.

use sqlx::SqliteConnection;
use wren_core::Result;

use super::Operation;
use crate::error::OrStoreError;

/// Writes a value that the file has already: enough for the disk and the lock to say no.
pub(crate) struct Check;

impl Operation for Check {
    type Output = ();

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<()>>> {
        sqlx::query("UPDATE deployments SET revision = revision WHERE rowid = (SELECT min(rowid) FROM deployments)")
            .execute(connection)
            .await
            .or_store_error()?;
        Ok(operations.iter().map(|_| Ok(())).collect())
    }
}
