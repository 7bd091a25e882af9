//! The suites that every store, executor and vault of Wren must pass.
//!
//! A store's own tests run the whole suite with one line, every case a test with a name:
//!
//! ```
//! use std::sync::Arc;
//!
//! use wren_conformance::store::StoreUnderTest;
//! use wren_core::memory::MemoryStore;
//!
//! async fn memory() -> StoreUnderTest {
//!     StoreUnderTest::new(Arc::new(MemoryStore::new()))
//! }
//!
//! wren_conformance::store_suite!(memory);
//! ```
//!
//! [`services`] are servers on this machine that speak as Gmail, Slack and language models document it.
//!
//! The suites are for tests: they panic where a claim does not hold. They measure nothing; `benches` does.

#![allow(clippy::unwrap_used, reason = "a suite is test code: a panic is how a case fails")]

#[cfg(unix)]
pub mod disk;
pub mod executor;
pub mod fixtures;
mod requirement;
#[cfg(unix)]
pub mod servers;
pub mod services;
mod suite;

pub mod store;
pub mod vault;

pub use requirement::requirement;
