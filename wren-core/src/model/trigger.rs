//! Triggers: what fires a run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CatchUp, RunPolicy};
use crate::id::{DeploymentId, OwnerId, TriggerId};
use crate::schedule::Schedule;

/// What kind of thing fires a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// A due time.
    Schedule,
    /// An incoming mail.
    Email,
    /// An incoming HTTP request.
    Webhook,
    /// Somebody asked for it.
    Manual,
}

impl TriggerKind {
    /// Every kind.
    pub const ALL: [TriggerKind; 4] = [Self::Schedule, Self::Email, Self::Webhook, Self::Manual];

    /// Returns the kind as it stands on the wire and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Manual => "manual",
        }
    }

    /// Parses what [`as_str`](Self::as_str) returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The schedule of a `schedule` trigger, parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleConfig {
    /// When it is due.
    pub schedule: Schedule,
    /// What happens with due times that were missed.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// How old a missed due time may be and still run, in milliseconds.
    pub catch_up_window_ms: u64,
    /// How long after its due time a run may be held back, in milliseconds, to spread load.
    #[serde(default)]
    pub jitter_ms: u64,
}

/// A trigger as a script declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerSpec {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: TriggerKind,
    /// The function it calls.
    pub func: String,
    /// What the script passed to the decorator, as it stands on the wire.
    pub config: Map<String, Value>,
    /// The schedule, for a `schedule` trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleConfig>,
    /// How its runs are run.
    pub policy: RunPolicy,
    /// How old an event may be when it is first seen and still run, in milliseconds; of any age when absent. An older one is
    /// skipped as expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_event_age_ms: Option<u64>,
}

impl TriggerSpec {
    /// The arguments of a trigger of events that the platform reads itself.
    pub const PLATFORM_ARGUMENTS: [&str; 7] =
        ["overlap", "retries", "backoff", "timeout", "delivery", "catch_up", "catch_up_window"];

    /// Returns what of the config of a trigger of events is its source's to read: all but the
    /// [platform's arguments](Self::PLATFORM_ARGUMENTS).
    #[must_use]
    pub fn source_config(&self) -> Map<String, Value> {
        Self::source_part(&self.config)
    }

    /// Takes the source's part out of a config.
    pub(crate) fn source_part(config: &Map<String, Value>) -> Map<String, Value> {
        let own = config.iter().filter(|(key, _)| !Self::PLATFORM_ARGUMENTS.contains(&key.as_str()));
        own.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// A trigger of a deployment's current revision.
///
/// A redeploy keeps the id and cursor of a trigger whose kind, function, config and schedule did not change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its id.
    pub id: TriggerId,
    /// Whose it is.
    pub owner: OwnerId,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The revision its runs are pinned to.
    pub revision: u32,
    /// What the script declared.
    pub spec: TriggerSpec,
    /// The instant up to and including which every due time has been recorded. Starts at the time of the deploy.
    pub cursor: DateTime<Utc>,
    /// When it was first deployed.
    pub created_at: DateTime<Utc>,
}

impl Trigger {
    /// Returns the first due time that has not been recorded; `None` without a schedule or when the schedule has ended.
    #[must_use]
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.spec.schedule.as_ref()?.schedule.next_after(self.cursor)
    }
}
