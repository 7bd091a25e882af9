//! Programs that embed Wren, from its public API only.
//!
//! - `quickstart`: deploys `scripts/heartbeat.py` on SQLite and shows three scheduled runs; `--store` takes another store.
//! - `embed`: Wren inside an axum service that has routes of its own.
//! - `server`: the reference server.
//! - `custom-executor`: an executor of a third party, [`launcher::LauncherExecutor`], which passes the conformance suite.
//! - `scripts/`: what agents write.
//!
//! Run one with `cargo run --example NAME`.

pub mod launcher;
pub mod stores;
