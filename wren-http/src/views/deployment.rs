//! Deployments on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use wren_core::engine::{DeployReceipt, TriggerHistory};
use wren_core::model::{
    CatchUp, DeploymentOverview, DeploymentStatus, Overlap, Revision, Run, RunState, SkipReason, Trigger, TriggerKind,
};
use wren_core::schedule::Rule;
use wren_core::{DeploymentId, DeploymentName, RunId, TriggerId};

use super::WatchView;
use crate::openapi::words;

/// The answer of `POST /v1/scripts/deploy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployConfirmation {
    /// The deployment.
    #[schema(value_type = words::DeploymentId)]
    pub deployment_id: DeploymentId,
    /// What it is doing.
    #[schema(value_type = words::DeploymentStatus)]
    pub status: DeploymentStatus,
    /// How many triggers it has.
    pub triggers_registered: usize,
    /// When it was first deployed.
    pub created_at: DateTime<Utc>,
    /// The earliest due time of its triggers; null when none is scheduled.
    #[schema(required = true)]
    pub next_run: Option<DateTime<Utc>>,
    /// Its name.
    #[schema(value_type = words::DeploymentName)]
    pub name: DeploymentName,
    /// The number of its current revision, from 1.
    pub revision: u32,
    /// Whether this request stored the revision; false when the same content was deployed before.
    pub changed: bool,
}

impl From<&DeployReceipt> for DeployConfirmation {
    fn from(receipt: &DeployReceipt) -> Self {
        let overview = &receipt.overview;
        Self {
            deployment_id: overview.deployment.id,
            status: overview.deployment.status,
            triggers_registered: overview.triggers.len(),
            created_at: overview.deployment.created_at,
            next_run: overview.next_run(),
            name: overview.deployment.name.clone(),
            revision: overview.deployment.revision,
            changed: receipt.changed,
        }
    }
}

/// One page of deployments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentList {
    /// The deployments, latest created first.
    pub deployments: Vec<DeploymentSummary>,
    /// The `cursor` of the next page; absent from the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A deployment, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentSummary {
    /// Its id.
    #[schema(value_type = words::DeploymentId)]
    pub id: DeploymentId,
    /// Its name.
    #[schema(value_type = words::DeploymentName)]
    pub name: DeploymentName,
    /// What it is doing.
    #[schema(value_type = words::DeploymentStatus)]
    pub status: DeploymentStatus,
    /// How many triggers it has.
    pub triggers: usize,
    /// When its latest run that was not skipped started; null before the first.
    #[schema(required = true)]
    pub last_run: Option<DateTime<Utc>>,
    /// The earliest due time of its triggers; null when none is scheduled or it is not active.
    #[schema(required = true)]
    pub next_run: Option<DateTime<Utc>>,
    /// When it was first deployed.
    pub created_at: DateTime<Utc>,
}

impl From<&DeploymentOverview> for DeploymentSummary {
    fn from(overview: &DeploymentOverview) -> Self {
        let deployment = &overview.deployment;
        Self {
            id: deployment.id,
            name: deployment.name.clone(),
            status: deployment.status,
            triggers: overview.triggers.len(),
            last_run: overview.last_run,
            next_run: overview.next_run(),
            created_at: deployment.created_at,
        }
    }
}

/// A deployment with everything about it but its script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentDetail {
    /// What lists show.
    #[serde(flatten)]
    pub summary: DeploymentSummary,
    /// The number of its current revision, from 1.
    pub revision: u32,
    /// Why it is in its status; null when nobody said.
    #[schema(required = true)]
    pub status_reason: Option<String>,
    /// The page on which the user can end `needs_attention`; null otherwise.
    #[schema(required = true, format = "uri")]
    pub action_url: Option<String>,
    /// When its pause ends by itself; null when it lasts until it is resumed, and when it is not paused.
    #[schema(required = true)]
    pub paused_until: Option<DateTime<Utc>>,
    /// When its status or revision last changed.
    pub updated_at: DateTime<Utc>,
    /// The integrations that the script imports.
    pub integrations: Vec<String>,
    /// The SHA-256 of the script, 64 lower-case hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub script_sha256: String,
    /// The functions that a manual run may name.
    pub functions: Vec<String>,
    /// Its triggers.
    pub trigger_details: Vec<TriggerDetail>,
}

impl DeploymentDetail {
    /// Joins a deployment with its current revision and the facts of its triggers, in their order.
    #[must_use]
    pub fn new(overview: &DeploymentOverview, revision: &Revision, facts: Vec<TriggerFacts>) -> Self {
        let deployment = &overview.deployment;
        let active = deployment.status == DeploymentStatus::Active;
        let triggers = overview.triggers.iter().zip(facts);
        Self {
            summary: DeploymentSummary::from(overview),
            revision: deployment.revision,
            status_reason: deployment.status_reason.clone(),
            action_url: deployment.action_url.clone(),
            paused_until: deployment.paused_until,
            updated_at: deployment.updated_at,
            integrations: revision.manifest.integrations.clone(),
            script_sha256: revision.script_sha256.clone(),
            functions: revision.manifest.functions.clone(),
            trigger_details: triggers.map(|(trigger, facts)| TriggerDetail::new(trigger, active, facts)).collect(),
        }
    }
}

/// A trigger of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TriggerDetail {
    /// Its id.
    #[schema(value_type = words::TriggerId)]
    pub id: TriggerId,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = words::TriggerKind)]
    pub kind: TriggerKind,
    /// The function it calls.
    pub func: String,
    /// What the script passed to the decorator.
    #[schema(value_type = HashMap<String, Value>)]
    pub config: Map<String, Value>,
    /// Its next due time; null without one, and while the deployment is not active.
    #[schema(required = true)]
    pub next_due: Option<DateTime<Utc>>,
    /// The zone whose clocks its cron expression follows; null without one.
    #[schema(required = true)]
    pub timezone: Option<String>,
    /// What happens with due times that were missed; null without a schedule.
    #[schema(value_type = Option<words::CatchUp>, required = true)]
    pub catch_up: Option<CatchUp>,
    /// What happens when it is due while an earlier run has not ended.
    #[schema(value_type = words::Overlap)]
    pub overlap: Overlap,
    /// How many attempts may follow a failed one.
    pub retries: u32,
    /// How long one attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// What became of its latest due time or event; null before the first.
    #[schema(required = true)]
    pub last_due: Option<LastDue>,
    /// When its latest run that was not skipped started; null before the first.
    #[schema(required = true)]
    pub last_started_at: Option<DateTime<Utc>>,
    /// How much later than it was to start the latest run started, in milliseconds; null before the first.
    #[schema(required = true)]
    pub lateness_ms: Option<u64>,
    /// The time from one start to the next, on average over the latest runs, in milliseconds; null before the second.
    #[schema(required = true)]
    pub interval_ms: Option<u64>,
    /// How what it has its source watch is doing, a mailbox say; absent where nothing is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub watch: Option<WatchView>,
}

/// What else is known of a trigger.
#[derive(Debug, Clone)]
pub struct TriggerFacts {
    /// What became of its latest due times or events.
    pub history: TriggerHistory,
    /// How what it has its source watch is doing.
    pub watch: Option<WatchView>,
}

/// The run of a due time or event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastDue {
    /// The run.
    #[schema(value_type = words::RunId)]
    pub run_id: RunId,
    /// The due time, or the time of the event.
    pub scheduled_for: DateTime<Utc>,
    /// The run's state.
    #[schema(value_type = words::RunState)]
    pub status: RunState,
    /// Why it was skipped; null otherwise.
    #[schema(value_type = Option<words::SkipReason>, required = true)]
    pub skip_reason: Option<SkipReason>,
}

impl From<&Run> for LastDue {
    fn from(run: &Run) -> Self {
        Self { run_id: run.id, scheduled_for: run.scheduled_for, status: run.state, skip_reason: run.skip_reason }
    }
}

impl TriggerDetail {
    fn new(trigger: &Trigger, active: bool, TriggerFacts { history, watch }: TriggerFacts) -> Self {
        let spec = &trigger.spec;
        let timezone = spec.schedule.as_ref().and_then(|config| match config.schedule.rule() {
            Rule::Cron { timezone, .. } => Some(timezone.to_string()),
            _ => None,
        });
        Self {
            id: trigger.id,
            kind: spec.kind,
            func: spec.func.clone(),
            config: spec.config.clone(),
            next_due: trigger.next_due().filter(|_| active),
            timezone,
            catch_up: spec.schedule.as_ref().map(|config| config.catch_up),
            overlap: spec.policy.overlap,
            retries: spec.policy.retries,
            timeout_ms: spec.policy.timeout_ms,
            last_due: history.last_due.as_ref().map(LastDue::from),
            last_started_at: history.last_started_at,
            lateness_ms: history.lateness_ms,
            interval_ms: history.interval_ms,
            watch,
        }
    }
}
