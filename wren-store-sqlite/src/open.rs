//! Opening the file: whose it is, of which version, and with which access.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
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
    create_or_find(options)?;
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

/// Makes the file with access for its user alone, or says what is in the way.
fn create_or_find(options: &SqliteOptions) -> Result<()> {
    let path = &options.path;
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(unavailable("the database's path names a folder", path).with_hint("name a file in it, say `wren.db`"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && options.create_if_missing => create(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(unavailable("the database does not exist", path)
            .with_hint("check the path, or let the server create it")
            .with_source(error)),
        Err(error) => Err(unavailable("the database cannot be reached", path)
            .with_hint("check the path and this user's access to its folders")
            .with_source(error)),
    }
}

fn create(path: &Path) -> Result<()> {
    let hint = "check the path and this user's access to its folder";
    let failed =
        |error: std::io::Error| unavailable("the database cannot be created", path).with_hint(hint).with_source(error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder).map_err(failed)?;
    }
    match private_file(path) {
        Ok(()) => Ok(()),
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // SQLite gives its `-wal` and `-shm` files the mode of the file itself.
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(path).map(drop)
}

fn unavailable(message: &str, path: &Path) -> Error {
    Error::new(ErrorCode::StoreUnavailable, format!("{message}: {}", path.display()))
}
