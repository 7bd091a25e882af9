//! Reference backends in memory: what the conformance suite is written against, and what tests embed.
//!
//! [`MemoryStore`] keeps the whole contract of [`Store`] but one clause: nothing of it survives the process.
//! [`MemoryVault`] keeps secrets as they are, unsealed.

mod deployments;
mod records;
mod run_table;
mod runs;
mod state;
mod vault;

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use parking_lot::{Mutex, MutexGuard};
use state::State;
pub use vault::MemoryVault;

use crate::error::Result;
use crate::store::{Peers, Store};

/// A [`Store`] in memory, for tests and for what need not outlive its process.
#[derive(Default)]
pub struct MemoryStore {
    // Not a Tokio mutex: it is never held across an await. One lock over everything makes each method a transaction.
    state: Mutex<State>,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl fmt::Debug for MemoryStore {
    /// Prints no content: records may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn peers(&self) -> Option<&dyn Peers> {
        None
    }
}

/// Cuts an instant to what stores keep.
fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}
