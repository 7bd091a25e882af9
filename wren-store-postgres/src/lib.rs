//! Keeps a Wren's deployments, runs and records in PostgreSQL 15 or later, for any number of servers.
//!
//! ```no_run
//! # async fn example() -> wren_core::Result<()> {
//! use wren_store_postgres::PostgresStore;
//!
//! let store = PostgresStore::connect("postgres://wren:secret@db.internal/wren").await?;
//! // Hand it to an engine, and at the end:
//! store.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything lives in a schema of its own, `wren` unless the [options](PostgresOptions) say otherwise, which is made and
//! brought up to date when the store is opened. What queues up in this process while the server syncs shares the next
//! transaction. Claims of all servers take turns under one advisory lock, so that limits hold across them, and skip rows that
//! somebody else has locked. Every other write locks rows alone, in one order, so that none waits for one that waits for it.
//!
//! Settings are given when a connection begins (`search_path`, time limits), so a pooler in between has to pool by
//! session.

mod deployments;
mod error;
mod fires;
mod leases;
mod lists;
mod logs;
mod options;
mod peers;
mod queue;
mod records;
mod rows;
mod runs;
mod schema;
mod store;
mod tables;
mod transactions;
mod whole;

pub use options::PostgresOptions;
pub use store::PostgresStore;
