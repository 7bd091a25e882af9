//! Deployments and their revisions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Trigger, TriggerSpec};
use crate::id::{DeploymentId, DeploymentName, OwnerId};
use crate::schedule::Timezone;

/// What a deployment is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Its triggers fire and its runs run.
    Active,
    /// Its due times become `skipped (paused)` runs until somebody resumes it; queued runs wait.
    Paused,
    /// A run failed for want of the user; its due times are skipped until the user has acted.
    NeedsAttention,
    /// It has no triggers any more; its history stays. Terminal.
    Undeployed,
}

impl DeploymentStatus {
    /// Every status.
    pub const ALL: [DeploymentStatus; 4] = [Self::Active, Self::Paused, Self::NeedsAttention, Self::Undeployed];

    /// Returns the status as it stands on the wire and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::NeedsAttention => "needs_attention",
            Self::Undeployed => "undeployed",
        }
    }

    /// Parses what [`as_str`](Self::as_str) returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Returns the status that counts for a due time: a pause that was to end by then has ended, whether or not that has been
    /// recorded yet.
    #[must_use]
    pub fn at(self, due: DateTime<Utc>, paused_until: Option<DateTime<Utc>>) -> Self {
        match self {
            Self::Paused if paused_until.is_some_and(|until| until <= due) => Self::Active,
            status => status,
        }
    }
}

/// A named script of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Its name, unique among the owner's deployments that are not undeployed.
    pub name: DeploymentName,
    /// What it is doing.
    pub status: DeploymentStatus,
    /// Why it is in this status, where somebody or something said so.
    pub status_reason: Option<String>,
    /// The page on which the user can end `needs_attention`.
    pub action_url: Option<String>,
    /// When a pause ends by itself; none when it lasts until somebody resumes it, and when it is not paused.
    pub paused_until: Option<DateTime<Utc>>,
    /// The number of its current revision, from 1.
    pub revision: u32,
    /// When it was first deployed.
    pub created_at: DateTime<Utc>,
    /// When its status or revision last changed.
    pub updated_at: DateTime<Utc>,
}

/// An immutable script and manifest of a deployment. Runs are pinned to the revision they were fired for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The number, from 1 without gaps.
    pub number: u32,
    /// The Python source.
    pub script: String,
    /// The SHA-256 of the source's UTF-8 bytes, 64 lower-case hexadecimal digits.
    pub script_sha256: String,
    /// What the script declares.
    pub manifest: Manifest,
    /// When it was deployed.
    pub created_at: DateTime<Utc>,
}

/// A revision, as lists show it: without script and manifest, which may be large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionSummary {
    /// The number, from 1 without gaps.
    pub number: u32,
    /// The SHA-256 of the source's UTF-8 bytes, 64 lower-case hexadecimal digits.
    pub script_sha256: String,
    /// How many triggers the script declares.
    pub triggers: usize,
    /// When it was deployed.
    pub created_at: DateTime<Utc>,
}

impl From<&Revision> for RevisionSummary {
    fn from(revision: &Revision) -> Self {
        Self {
            number: revision.number,
            script_sha256: revision.script_sha256.clone(),
            triggers: revision.manifest.triggers.len(),
            created_at: revision.created_at,
        }
    }
}

/// What a script declares: extracted from it, never trusted from the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The integrations it imports, sorted and without repeats.
    pub integrations: Vec<String>,
    /// Its triggers, in the order of the source.
    pub triggers: Vec<TriggerSpec>,
    /// The functions defined at the script's top level, in the order of the source: what a manual run may name.
    pub functions: Vec<String>,
    /// Script-wide settings.
    pub settings: ScriptSettings,
}

/// Script-wide settings, from the `[tool.wren]` table of the script's PEP 723 block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScriptSettings {
    /// The zone of schedules that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
    /// The executor the script wants, by name; the engine's default when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// The timeout of triggers that name none, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The memory limit of a run, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The hosts that plain HTTP requests of the script may reach.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<String>,
    /// Environment variables to fill from secrets: variable to secret name. An audited opt-in.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inject_env: BTreeMap<String, String>,
    /// The PEP 508 requirements of the block's `dependencies`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// The block's `requires-python`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
}

/// A deployment with what a list of deployments shows about it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentOverview {
    /// The deployment.
    pub deployment: Deployment,
    /// Its triggers, oldest first; none when it is undeployed.
    pub triggers: Vec<Trigger>,
    /// When its latest run that was not skipped started.
    pub last_run: Option<DateTime<Utc>>,
}

impl DeploymentOverview {
    /// Returns the earliest due time of its triggers; `None` unless it is active.
    #[must_use]
    pub fn next_run(&self) -> Option<DateTime<Utc>> {
        if self.deployment.status != DeploymentStatus::Active {
            return None;
        }
        self.triggers.iter().filter_map(Trigger::next_due).min()
    }
}
