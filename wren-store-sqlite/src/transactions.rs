//! Transactions on the one connection that writes.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use wren_core::store::kit::{Group, Transactions, failpoint};
use wren_core::{Error, ErrorCode, Result};

use crate::error::{OrStoreError, from_sqlx, is_busy};
use crate::open;
use crate::options::SqliteOptions;
use crate::tables::SqliteTables;

/// The connection that writes, opened anew after a failure.
pub(crate) struct SqliteTransactions {
    /// `None` after a failure, until the next transaction opens it again.
    connection: Option<SqliteConnection>,
    options: SqliteOptions,
}

impl SqliteTransactions {
    pub(crate) fn new(connection: SqliteConnection, options: SqliteOptions) -> Self {
        Self { connection: Some(connection), options }
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writing(&self.options).await?,
        };
        Ok(self.connection.insert(connection))
    }
}

#[async_trait]
impl Transactions for SqliteTransactions {
    async fn transact(&mut self, groups: &mut [Box<dyn Group>]) -> Result<()> {
        let connection = self.connection().await?;
        let Err(failure) = run(connection, groups).await else { return Ok(()) };
        if failure.connection_is_suspect {
            self.connection = None;
        }
        Err(failure.error)
    }

    async fn close(&mut self) -> Result<()> {
        use sqlx::Connection;
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        // Readers may keep the log from being emptied; SQLite then does it at the next checkpoint.
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        connection.close().await.or_store_error()?;
        checkpoint.or_store_error().map(drop)
    }
}

/// Why a transaction did not happen.
struct Failure {
    error: Error,
    /// Whether the connection may be in a state that only a new one is sure not to be in.
    connection_is_suspect: bool,
}

/// Carries out the groups and commits; after a failure nothing of them is written, or, if the commit itself failed, it is
/// unknown.
async fn run(connection: &mut SqliteConnection, groups: &mut [Box<dyn Group>]) -> Result<(), Failure> {
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

async fn work(connection: &mut SqliteConnection, groups: &mut [Box<dyn Group>]) -> Result<()> {
    for group in groups {
        failpoint("group");
        group.run(&mut SqliteTables(connection)).await?;
    }
    failpoint("commit");
    sqlx::query("COMMIT").execute(connection).await.or_store_error()?;
    Ok(())
}
