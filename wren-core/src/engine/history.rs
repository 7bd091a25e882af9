//! What became of a trigger's latest due times.

use chrono::{DateTime, Utc};

use super::Engine;
use crate::error::Result;
use crate::id::{OwnerId, TriggerId};
use crate::model::{PageOptions, Run};
use crate::store::ListRuns;

/// How many runs of a trigger are looked at.
const RUNS: usize = 20;

/// What became of the latest due times of a trigger, or of its latest events.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TriggerHistory {
    /// The run of its latest due time, skipped or not.
    pub last_due: Option<Run>,
    /// When its latest run that was not skipped started.
    pub last_started_at: Option<DateTime<Utc>>,
    /// How much later than it was to start (after its jitter) the latest run started, in milliseconds. A run that was tried
    /// again does not count: its latest attempt was not due then.
    pub lateness_ms: Option<u64>,
    /// The time from one start to the next, in milliseconds, on average over the latest runs that started.
    pub interval_ms: Option<u64>,
}

impl TriggerHistory {
    /// Sums up the runs of a trigger, latest first.
    fn of(runs: &[Run]) -> Self {
        let starts: Vec<DateTime<Utc>> = runs.iter().filter_map(|run| run.started_at).collect();
        let millis = |later: DateTime<Utc>, earlier: DateTime<Utc>| {
            u64::try_from(later.signed_duration_since(earlier).num_milliseconds()).unwrap_or_default()
        };
        let punctual = runs.iter().find(|run| run.started_at.is_some() && run.attempt == 1);
        Self {
            last_due: runs.first().cloned(),
            last_started_at: starts.first().copied(),
            lateness_ms: punctual.and_then(|run| Some(millis(run.started_at?, run.not_before))),
            interval_ms: match starts.as_slice() {
                [latest, .., earliest] => Some(millis(*latest, *earliest) / (starts.len() as u64 - 1)),
                _ => None,
            },
        }
    }
}

impl Engine {
    /// Says what became of a trigger's latest due times.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn trigger_history(&self, owner: &OwnerId, id: TriggerId) -> Result<TriggerHistory> {
        let page = PageOptions { after: None, limit: RUNS };
        let options = ListRuns { trigger_id: Some(id), page, ..ListRuns::default() };
        Ok(TriggerHistory::of(&self.runs(owner, options).await?.items))
    }
}
