//! One transaction over the groups of a batch.

use sqlx::SqliteConnection;
use wren_core::{Error, ErrorCode};

use super::Group;
use crate::error::{from_sqlx, is_busy};

/// Why a transaction did not happen.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether the connection may be in a state that only a new one is sure not to be in.
    pub(super) connection_is_suspect: bool,
}

/// Carries out the groups and commits; after a failure nothing of them is written, or, if the commit itself failed, it is
/// unknown.
pub(super) async fn run(connection: &mut SqliteConnection, groups: &mut [Box<dyn Group>]) -> Result<(), Failure> {
    // IMMEDIATE: a transaction that begins as a reader cannot wait for a lock that another process holds when it turns
    // into a writer, it fails.
    if let Err(error) = sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await {
        let connection_is_suspect = !is_busy(&error);
        return Err(Failure { error: from_sqlx(error), connection_is_suspect });
    }
    let outcome = work(connection, groups).await;
    let Err(error) = outcome else { return Ok(()) };
    // Some failures have rolled back already, and then this one is refused: a new connection settles both.
    let rolled_back = sqlx::query("ROLLBACK").execute(&mut *connection).await.is_ok();
    Err(Failure { connection_is_suspect: !rolled_back || error.code() == ErrorCode::StoreUnavailable, error })
}

async fn work(connection: &mut SqliteConnection, groups: &mut [Box<dyn Group>]) -> Result<(), Error> {
    for group in groups {
        group.run(connection).await?;
    }
    sqlx::query("COMMIT").execute(connection).await.map_err(from_sqlx)?;
    Ok(())
}
