//! Keeps a Wren's deployments, runs and records in one SQLite file.
//!
//! ```no_run
//! # async fn example() -> wren_core::Result<()> {
//! use wren_store_sqlite::SqliteStore;
//!
//! let store = SqliteStore::open_path("data/wren.db").await?;
//! // Hand it to an engine, and at the end:
//! store.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! One task holds the one connection that writes. What queues up while the disk is busy shares the next transaction and
//! its one sync, and no caller gets its answer before that is durable. Reads go to a pool of read-only connections beside
//! it, and never wait for a writer.
//!
//! Several processes may open the file, as a command does beside a running server; they wait for each other's
//! transactions. For many servers on one store use another store: SQLite has one writer at a time, on one machine, and
//! its write-ahead log does not work on network file systems.

mod deployments;
mod error;
mod open;
mod options;
mod records;
mod rows;
mod runs;
mod schema;
mod sql;
mod store;
mod tables;
mod transactions;
mod whole;

pub use options::{SqliteOptions, Synchronous};
pub use store::SqliteStore;
