//! What a trigger says about its runs: overlap, catch-up, retries, timeout, delivery.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// What happens when a trigger is due while an earlier run of it is still queued or running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The new run is recorded as `skipped (overlap)`.
    #[default]
    Skip,
    /// The new run waits until the earlier ones have ended.
    Queue,
    /// The new run runs beside the earlier ones.
    Allow,
    /// The earlier runs are cancelled, then the new one runs.
    CancelPrevious,
}

/// What happens with due times that passed while nobody could record them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// The latest one runs, the earlier ones become `skipped (coalesced)`.
    #[default]
    Latest,
    /// All within the window run, up to a bound; the rest become `skipped`.
    All,
    /// None runs; all become `skipped (expired)`.
    None,
}

/// What happens to a run whose worker died.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// It runs again, so an execution may happen twice; the idempotency key tells.
    #[default]
    AtLeastOnce,
    /// It ends as `failed (WORKER_LOST)`.
    AtMostOnce,
}

/// The waits between attempts: exponential from `initial_ms`, at most `max_ms`, with full jitter added by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backoff {
    /// The wait before the second attempt, in milliseconds.
    pub initial_ms: u64,
    /// The longest wait, in milliseconds.
    pub max_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial_ms: 5_000, max_ms: 15 * 60 * 1000 }
    }
}

impl Backoff {
    /// Returns the wait after the given failed attempt (from 1). `jitter` is between 0 and 1: the wait lies between half
    /// and the whole of the exponential value, so that failures that came together do not come back together.
    #[must_use]
    pub fn wait(&self, attempt: u32, jitter: f64) -> TimeDelta {
        let doubled = self.initial_ms.saturating_mul(1u64 << attempt.saturating_sub(1).min(40));
        let whole = doubled.min(self.max_ms);
        let share = 0.5 + 0.5 * jitter.clamp(0.0, 1.0);
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a wait of milliseconds is far below 2^52"
        )]
        let millis = (whole as f64 * share) as u64;
        TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(i64::MAX / 2))
    }
}

/// How one run is to be run: copied from its trigger when it is fired, so that a later deploy does not change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunPolicy {
    /// How long one attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// How many further attempts follow a failed one.
    pub retries: u32,
    /// The waits between them.
    pub backoff: Backoff,
    /// What happens when the trigger is due again meanwhile.
    pub overlap: Overlap,
    /// What happens when the worker dies.
    pub delivery: Delivery,
}

impl Default for RunPolicy {
    fn default() -> Self {
        Self {
            timeout_ms: 5 * 60 * 1000,
            retries: 0,
            backoff: Backoff::default(),
            overlap: Overlap::default(),
            delivery: Delivery::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_stop_at_the_maximum() {
        let backoff = Backoff { initial_ms: 1000, max_ms: 10_000 };
        let waits: Vec<i64> = (1..=6).map(|attempt| backoff.wait(attempt, 1.0).num_milliseconds()).collect();
        assert_eq!(waits, [1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(backoff.wait(1, 0.0).num_milliseconds(), 500);
        assert_eq!(backoff.wait(u32::MAX, 1.0).num_milliseconds(), 10_000);
    }
}
