//! Keys that were good a moment ago, which need no look at the store.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use wren_core::keys::ApiKey;

use crate::limit::Proof;

/// How many are kept: a few hundred KiB.
const MOST: usize = 1_000;

/// Keeps what the store said of keys, for as long as it may be taken to be so still.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys {
    lasts: Duration,
    // Not a Tokio mutex: never held across an await.
    keys: Mutex<HashMap<Proof, (Instant, ApiKey)>>,
}

impl KnownKeys {
    /// Keeps what is known for so long; nothing if that is zero.
    pub(crate) fn lasting(lasts: Duration) -> Self {
        Self { lasts, keys: Mutex::default() }
    }

    /// Returns a key that was good a moment ago, unless it has ended since.
    pub(crate) fn find(&self, proof: &Proof, now: DateTime<Utc>) -> Option<ApiKey> {
        if self.lasts.is_zero() {
            return None;
        }
        let keys = self.keys.lock();
        let (at, key) = keys.get(proof)?;
        let is_good = at.elapsed() < self.lasts && key.expires_at.is_none_or(|end| now < end);
        is_good.then(|| key.clone())
    }

    /// Notes what the store said.
    pub(crate) fn learn(&self, proof: Proof, key: &ApiKey) {
        if self.lasts.is_zero() {
            return;
        }
        let mut keys = self.keys.lock();
        if keys.len() >= MOST {
            keys.retain(|_, (at, _)| at.elapsed() < self.lasts);
        }
        if keys.len() < MOST {
            keys.insert(proof, (Instant::now(), key.clone()));
        }
    }

    /// Forgets all: one of them was revoked or has another secret.
    pub(crate) fn forget(&self) {
        self.keys.lock().clear();
    }
}
