//! The store: a writer and a pool of readers on one file.

use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use wren_core::Result;
use wren_core::store::Store;

use crate::error::OrStoreError;
use crate::open;
use crate::options::SqliteOptions;
use crate::writer::{Check, Writer};

/// A [`Store`] in one SQLite file.
pub struct SqliteStore {
    pub(crate) writer: Writer,
    pub(crate) readers: SqlitePool,
    path: PathBuf,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file with the default options, and creates it if it is missing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        Self::open(SqliteOptions::new(path)).await
    }

    /// Opens a file and brings its schema up to date. Must be called within a Tokio runtime, on which the writer then runs.
    ///
    /// Files and folders that it creates are accessible to their user alone.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`, with a hint, when the file cannot be opened or written, is not a database, is damaged, or was
    /// written by another program or a newer version; the file is then as it was.
    pub async fn open(options: SqliteOptions) -> Result<Self> {
        let connection = open::writing(&options).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(options.read_connections)
            .acquire_timeout(options.busy_timeout)
            // A read-only connection on a local file does not go stale, and a ping costs as much as a read.
            .test_before_acquire(false)
            .connect_with(options.reading())
            .await
            .or_store_error()?;
        let path = options.path.clone();
        Ok(Self { writer: Writer::start(connection, options), readers, path })
    }

    /// Writes what is queued, moves the log into the file and closes it. Later calls fail with `STORE_UNAVAILABLE`.
    ///
    /// A store that is dropped instead also writes what is queued, but nobody waits for it.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when the log could not be moved: nothing is lost, the next opening reads it.
    pub async fn close(&self) -> Result<()> {
        // Readers first: while one looks at the log it cannot be emptied.
        self.readers.close().await;
        self.writer.close().await
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn check(&self) -> Result<()> {
        sqlx::query("SELECT 1 FROM deployments LIMIT 1").fetch_optional(&self.readers).await.or_store_error()?;
        self.writer.write(Check).await
    }
}
