//! Keeps a Wren's deployments, runs and records in one [redb](https://docs.rs/redb) file: pure Rust, nothing linked.
//!
//! ```no_run
//! # async fn example() -> wren_core::Result<()> {
//! use wren_store_redb::RedbStore;
//!
//! let store = RedbStore::open_path("data/wren.redb").await?;
//! // Hand it to an engine, and at the end:
//! store.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! One thread writes. What queues up while the disk is busy shares the next transaction and its one sync, and no caller gets
//! its answer before that is durable. Reads see the last transaction, beside the writer and never waiting for it. The runs
//! that have not ended are also kept in memory, in the order in which they are claimed; that is read from the file when it
//! is opened.
//!
//! One process at a time has the file: a second one is refused. After a crash the next opening walks the file, which takes
//! longer the larger it is. For commands beside a running server use SQLite, for many servers PostgreSQL.

mod encoding;
mod error;
mod layout;
mod open;
mod options;
mod prune;
mod reads;
mod records;
mod rows;
mod shared;
mod store;
mod tables;
mod transactions;
mod whole;
mod writes;

pub use options::RedbOptions;
pub use store::RedbStore;
