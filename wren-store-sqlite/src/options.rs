//! How to open the store, and what each connection is set to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};

/// How to open a [`SqliteStore`](crate::SqliteStore).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// The database file. `-wal` and `-shm` files lie beside it while it is open.
    pub path: PathBuf,
    /// Whether a missing file, and the folders above it, are created; true by default.
    pub create_if_missing: bool,
    /// What survives a power cut.
    pub synchronous: Synchronous,
    /// How many connections read at once; 4 by default.
    pub read_connections: u32,
    /// How long to wait for another process that writes; 10 seconds by default.
    pub busy_timeout: Duration,
}

/// What survives a power cut. A crash of the process alone loses nothing under either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// Every acknowledged write survives: the log is synced before the answer.
    #[default]
    Full,
    /// The last moments may be lost; the file stays sound. For tests and throw-away data.
    Normal,
}

impl SqliteOptions {
    /// Returns options for a file, with the defaults.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            create_if_missing: true,
            synchronous: Synchronous::Full,
            read_connections: 4,
            busy_timeout: Duration::from_secs(10),
        }
    }

    /// Sets whether a missing file is created.
    #[must_use]
    pub fn with_create_if_missing(mut self, create: bool) -> Self {
        self.create_if_missing = create;
        self
    }

    /// Sets what survives a power cut.
    #[must_use]
    pub fn with_synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Sets how many connections read at once; at least one.
    #[must_use]
    pub fn with_read_connections(mut self, connections: u32) -> Self {
        self.read_connections = connections.max(1);
        self
    }

    /// Sets how long to wait for another process that writes.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    fn connection(&self) -> SqliteConnectOptions {
        use sqlx::ConnectOptions;
        SqliteConnectOptions::new()
            .filename(&self.path)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            // Statements of several rows come in shapes of 1, 2, 4… 128 rows; each is prepared once.
            .statement_cache_capacity(512)
            // A page of rows crosses from SQLite's thread without waiting for the reader.
            .row_buffer_size(256)
            // An I/O error under a memory mapping is a signal that ends the process, not an error code.
            .pragma("mmap_size", "0")
            // Sorts of a list page never touch the disk.
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging()
    }

    /// The one connection that writes. It does not set the journal mode: the file is looked at first.
    pub(crate) fn writing(&self) -> SqliteConnectOptions {
        let synchronous = match self.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        };
        self.connection()
            .synchronous(synchronous)
            .thread_name(|number| format!("wren-sqlite-writer-{number}"))
            // 64 MiB: the hot end of every index of a queue of some hundred thousand runs stays in memory.
            .pragma("cache_size", "-65536")
            // A checkpoint per 16 MiB of log instead of 4: fewer syncs of the main file under load.
            .pragma("wal_autocheckpoint", "4096")
            // After a burst the log's file shrinks back to this.
            .pragma("journal_size_limit", "67108864")
    }

    /// A connection of the read pool.
    pub(crate) fn reading(&self) -> SqliteConnectOptions {
        self.connection()
            .read_only(true)
            .thread_name(|number| format!("wren-sqlite-reader-{number}"))
            .pragma("cache_size", "-8192")
    }
}
