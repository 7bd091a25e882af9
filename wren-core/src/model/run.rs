//! Runs: one execution for one due time or one event.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RunPolicy, TriggerKind};
use crate::error::WireError;
use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId, TriggerId, WorkerId};

/// The state of a run; its diagram stands in `ARCHITECTURE.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// The function returned. Terminal.
    Success,
    /// The function raised, or the platform gave up. Terminal.
    Failed,
    /// It took longer than its timeout. Terminal.
    Timeout,
    /// Somebody cancelled it. Terminal.
    Cancelled,
    /// It was never started; the reason says why. Terminal.
    Skipped,
}

impl RunState {
    /// Every state.
    pub const ALL: [RunState; 7] =
        [Self::Queued, Self::Running, Self::Success, Self::Failed, Self::Timeout, Self::Cancelled, Self::Skipped];

    /// Says whether the state is final and the run immutable.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Returns the state as it stands on the wire and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Parses what [`as_str`](Self::as_str) returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why a due time did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// An earlier run of the trigger had not ended.
    Overlap,
    /// The deployment was paused.
    Paused,
    /// The deployment waited for its user.
    NeedsAttention,
    /// A later due time ran in its place.
    Coalesced,
    /// It was missed by more than the catch-up window, or catch-up is off.
    Expired,
    /// The owner's quota of runs a day was used up.
    Quota,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [SkipReason; 6] =
        [Self::Overlap, Self::Paused, Self::NeedsAttention, Self::Coalesced, Self::Expired, Self::Quota];

    /// Returns the reason as it stands on the wire and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Paused => "paused",
            Self::NeedsAttention => "needs_attention",
            Self::Coalesced => "coalesced",
            Self::Expired => "expired",
            Self::Quota => "quota",
        }
    }

    /// Parses what [`as_str`](Self::as_str) returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// Separates the parts of a key that the platform makes: no key that comes over the API has it.
const SEPARATOR: char = '\u{1f}';
/// What the key of a run begins with that repeats another one.
const RETRY: &str = "\u{1f}retry\u{1f}";

/// What makes a run of a trigger unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FireKey {
    /// The due time, before jitter.
    Scheduled(DateTime<Utc>),
    /// The source's dedupe key, at most 512 bytes.
    Event(String),
}

impl FireKey {
    /// Returns the text under which a store keeps the key unique within its trigger.
    #[must_use]
    pub fn dedupe_key(&self) -> String {
        match self {
            Self::Scheduled(at) => format!("at:{}", at.timestamp_micros()),
            Self::Event(key) => format!("ev:{key}"),
        }
    }

    /// Returns the key of a run that repeats another one, unique among those by `name`.
    #[must_use]
    pub fn of_retry(of: RunId, name: &str) -> String {
        format!("{RETRY}{of}{SEPARATOR}{name}")
    }

    /// Reads what [`dedupe_key`](Self::dedupe_key) wrote.
    #[must_use]
    pub fn parse_dedupe_key(text: &str) -> Option<Self> {
        if let Some(event) = text.strip_prefix("ev:") {
            return Some(Self::Event(event.to_owned()));
        }
        let micros = text.strip_prefix("at:")?.parse().ok()?;
        DateTime::from_timestamp_micros(micros).map(Self::Scheduled)
    }
}

/// A worker's hold on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who holds it.
    pub worker: WorkerId,
    /// When the hold ends unless it is extended.
    pub lease_until: DateTime<Utc>,
}

/// The isolation a run really had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The executor's name.
    pub executor: String,
    /// The tier, in the executor's words: `wasm`, `bubblewrap`, `reduced`…
    pub tier: String,
}

/// One execution for one (trigger, due time), one event, or one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub owner: OwnerId,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The revision it is pinned to.
    pub revision: u32,
    /// The trigger that fired it; `None` for a manual run.
    pub trigger_id: Option<TriggerId>,
    /// What fired it.
    pub trigger: TriggerKind,
    /// The function it calls.
    pub func: String,
    /// What makes it unique within its trigger; also the seed of the script's idempotency key.
    pub key: FireKey,
    /// The due time, or the time of the event or request.
    pub scheduled_for: DateTime<Utc>,
    /// The event handed to the function.
    pub payload: Option<Value>,
    /// How it is to be run.
    pub policy: RunPolicy,
    /// The state.
    pub state: RunState,
    /// Why it was skipped, when it was.
    pub skip_reason: Option<SkipReason>,
    /// The current attempt, from 1.
    pub attempt: u32,
    /// How many of its attempts failed or took too long and were followed by another: what its retries are counted by.
    pub failures: u32,
    /// How often its worker was lost.
    pub orphaned: u32,
    /// Before this instant no worker may claim it.
    pub not_before: DateTime<Utc>,
    /// Grows with every claim; what a worker writes carries it, so that a worker that lost its lease writes nothing.
    pub epoch: u64,
    /// Who holds it, while it is running.
    pub claim: Option<Claim>,
    /// Somebody asked to cancel it while it was running.
    pub cancel_requested: bool,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// When its latest attempt was claimed.
    pub started_at: Option<DateTime<Utc>>,
    /// When it reached its terminal state.
    pub completed_at: Option<DateTime<Utc>>,
    /// What the function returned.
    pub result: Option<Value>,
    /// Why it failed, timed out or was cancelled; while queued again, why the attempt before failed.
    pub error: Option<WireError>,
    /// The isolation its latest attempt had.
    pub isolation: Option<Isolation>,
    /// Follows the run through logs and host calls.
    pub correlation_id: CorrelationId,
    /// Whether what it printed was deleted, as old logs are before their runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub logs_pruned: bool,
}

/// What is particular to a run that is being recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub owner: OwnerId,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The revision it is pinned to.
    pub revision: u32,
    /// The trigger that fired it; `None` for a manual run.
    pub trigger_id: Option<TriggerId>,
    /// What fired it.
    pub trigger: TriggerKind,
    /// The function it calls.
    pub func: String,
    /// What makes it unique within its trigger.
    pub key: FireKey,
    /// The due time, or the time of the event or request.
    pub scheduled_for: DateTime<Utc>,
    /// Before this instant no worker may claim it.
    pub not_before: DateTime<Utc>,
    /// The event handed to the function.
    pub payload: Option<Value>,
    /// How it is to be run.
    pub policy: RunPolicy,
    /// Follows the run through logs and host calls.
    pub correlation_id: CorrelationId,
}

impl Run {
    /// Makes the run as every run begins: queued, for its first attempt.
    #[must_use]
    pub fn queued(new: NewRun, now: DateTime<Utc>) -> Self {
        Self {
            id: new.id,
            owner: new.owner,
            deployment_id: new.deployment_id,
            revision: new.revision,
            trigger_id: new.trigger_id,
            trigger: new.trigger,
            func: new.func,
            key: new.key,
            scheduled_for: new.scheduled_for,
            payload: new.payload,
            policy: new.policy,
            state: RunState::Queued,
            skip_reason: None,
            attempt: 1,
            failures: 0,
            orphaned: 0,
            not_before: new.not_before,
            epoch: 0,
            claim: None,
            cancel_requested: false,
            created_at: now,
            started_at: None,
            completed_at: None,
            result: None,
            error: None,
            isolation: None,
            correlation_id: new.correlation_id,
            logs_pruned: false,
        }
    }

    /// Returns what the script can hand to other services so that a repeated execution has no second effect: the same
    /// for every attempt of this run, different for every other run.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        self.id.to_string()
    }

    /// Returns the run that this one repeats, if it does.
    #[must_use]
    pub fn retry_of(&self) -> Option<RunId> {
        let FireKey::Event(key) = &self.key else { return None };
        let (of, _) = key.strip_prefix(RETRY).filter(|_| self.trigger_id.is_none())?.split_once(SEPARATOR)?;
        of.parse().ok()
    }

    /// Says whether the run must wait for the earlier runs of its trigger.
    #[must_use]
    pub fn is_serial(&self) -> bool {
        use super::Overlap;
        self.trigger_id.is_some() && matches!(self.policy.overlap, Overlap::Queue | Overlap::CancelPrevious)
    }

    /// Returns how long the latest attempt took, once the run has ended; in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        let elapsed = self.completed_at?.signed_duration_since(self.started_at?);
        u64::try_from(elapsed.num_milliseconds()).ok()
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// The function returned.
    Success,
    /// It failed.
    Failed,
    /// It timed out.
    Timeout,
    /// It was cancelled.
    Cancelled,
    /// Its worker was lost.
    Lost,
}

/// One try at a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// The claim's epoch.
    pub epoch: u64,
    /// The worker.
    pub worker: WorkerId,
    /// When it was claimed.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended; `None` while it runs.
    pub end: Option<AttemptEnd>,
    /// Why it failed.
    pub error: Option<WireError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dedupe_key_reads_back_as_the_key_it_was_made_of() {
        let at = DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap();
        for key in [FireKey::Scheduled(at), FireKey::Event("at:5".into()), FireKey::Event(String::new())] {
            assert_eq!(FireKey::parse_dedupe_key(&key.dedupe_key()), Some(key));
        }
        assert_eq!(FireKey::parse_dedupe_key("at:soon"), None);
    }
}
