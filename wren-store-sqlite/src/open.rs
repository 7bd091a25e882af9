//! Opening the file: whose it is, of which version, and with which access.

use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use wren_core::store::kit::file;
use wren_core::{Error, ErrorCode, Result};

use crate::error::{OrStoreError, from_sqlx, is_busy};
use crate::options::SqliteOptions;
use crate::schema;

/// Older ones can lose a commit when a checkpoint races with a reset of the log.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

/// Opens the writing connection, creates the file if that is wanted, and brings the schema up to date.
///
/// A file that turns out not to be ours is left as it was.
pub(crate) async fn writing(options: &SqliteOptions) -> Result<SqliteConnection> {
    file::find_or_create(&options.path, options.create_if_missing)?;
    let mut connection = options.writing().connect().await.or_store_error()?;
    match prepare(&mut connection, options).await {
        Ok(()) => Ok(connection),
        Err(error) => {
            // The error is what matters; a connection that does not close well is dropped.
            let _ = connection.close().await;
            Err(error)
        }
    }
}

async fn prepare(connection: &mut SqliteConnection, options: &SqliteOptions) -> Result<()> {
    check_library(connection).await?;
    schema::check(connection).await?;
    write_ahead(connection, options).await?;
    schema::migrate(connection).await
}

/// Switches to the write-ahead log. While another process does the same SQLite answers `BUSY` at once, without the busy
/// timeout, so this asks again.
async fn write_ahead(connection: &mut SqliteConnection, options: &SqliteOptions) -> Result<()> {
    let deadline = tokio::time::Instant::now() + options.busy_timeout;
    loop {
        match sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await {
            Ok(row) => {
                let mode: String = row.try_get(0).or_store_error()?;
                if mode == "wal" {
                    return Ok(());
                }
                return Err(Error::new(
                    ErrorCode::StoreUnavailable,
                    format!("the database cannot use a write-ahead log, it stays in mode `{mode}`"),
                )
                .with_hint("put the file on a local disk: network file systems do not share the memory it needs"));
            }
            Err(error) if is_busy(&error) && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            Err(error) => return Err(from_sqlx(error)),
        }
    }
}

async fn check_library(connection: &mut SqliteConnection) -> Result<()> {
    let row = sqlx::query("SELECT sqlite_version()").fetch_one(connection).await.or_store_error()?;
    let version: String = row.try_get(0).or_store_error()?;
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if numbers.as_slice() >= OLDEST_SQLITE.as_slice() {
        return Ok(());
    }
    Err(Error::new(ErrorCode::StoreUnavailable, format!("SQLite {version} is too old"))
        .with_hint("build with the bundled SQLite, 3.51.3 or later"))
}
