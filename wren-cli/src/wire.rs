//! What commands read of the server's answers. Unknown keys are ignored, so that a newer server is understood.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::Problem;

/// The answer to a deploy.
#[derive(Debug, Deserialize)]
pub(crate) struct DeployReply {
    pub(crate) deployment_id: String,
    #[serde(default)]
    pub(crate) triggers_registered: u64,
    pub(crate) next_run: Option<DateTime<Utc>>,
    pub(crate) revision: Option<u32>,
    /// False when the same content was deployed before.
    pub(crate) changed: Option<bool>,
}

/// A deployment as lists and status show it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) action_url: Option<String>,
    pub(crate) paused_until: Option<DateTime<Utc>>,
    pub(crate) revision: Option<u32>,
    /// How many triggers it has.
    #[serde(default)]
    pub(crate) triggers: u64,
    pub(crate) last_run: Option<DateTime<Utc>>,
    pub(crate) next_run: Option<DateTime<Utc>>,
    /// Its triggers; none in a list.
    #[serde(default)]
    pub(crate) trigger_details: Vec<Trigger>,
}

/// A trigger as status shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Trigger {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) func: String,
    /// What the script passed to the decorator.
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    pub(crate) timezone: Option<String>,
    pub(crate) next_due: Option<DateTime<Utc>>,
    pub(crate) last_due: Option<LastDue>,
    pub(crate) last_started_at: Option<DateTime<Utc>>,
    pub(crate) lateness_ms: Option<u64>,
    pub(crate) interval_ms: Option<u64>,
    pub(crate) watch: Option<Watch>,
}

/// How what a trigger has watched, a mailbox say, is doing.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Watch {
    pub(crate) account: String,
    pub(crate) place: String,
    pub(crate) state: String,
    pub(crate) last_success: Option<DateTime<Utc>>,
    pub(crate) last_event: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) failures: u64,
    pub(crate) last_error: Option<Problem>,
}

/// What became of a trigger's latest due time.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LastDue {
    pub(crate) scheduled_for: DateTime<Utc>,
    pub(crate) status: String,
    pub(crate) skip_reason: Option<String>,
}

/// One page of deployments, each as it came.
#[derive(Debug, Deserialize)]
pub(crate) struct DeploymentPage {
    pub(crate) deployments: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
}

/// One page of revisions, each as it came.
#[derive(Debug, Deserialize)]
pub(crate) struct RevisionPage {
    pub(crate) revisions: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
}

/// A revision as lists show it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Revision {
    pub(crate) number: u32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) script_sha256: String,
    pub(crate) triggers: u64,
    pub(crate) current: bool,
}

/// One page of runs, each as it came.
#[derive(Debug, Deserialize)]
pub(crate) struct RunPage {
    pub(crate) runs: Vec<Value>,
    /// What to ask for the page after; absent from the last.
    pub(crate) next_cursor: Option<String>,
}

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) run_id: String,
    pub(crate) trigger: String,
    pub(crate) status: String,
    pub(crate) func: Option<String>,
    pub(crate) skip_reason: Option<String>,
    pub(crate) attempt: Option<u32>,
    pub(crate) scheduled_for: Option<DateTime<Utc>>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<Problem>,
    pub(crate) correlation_id: Option<String>,
    #[serde(default)]
    pub(crate) logs_pruned: bool,
}

/// Says whether nothing more will happen to a run of this status.
pub(crate) fn is_terminal(status: &str) -> bool {
    !matches!(status, "queued" | "running")
}

/// One page of a run's lines.
#[derive(Debug, Deserialize)]
pub(crate) struct LogPage {
    /// The run's state, as it was before the lines were read.
    pub(crate) status: String,
    pub(crate) logs: Vec<LogLine>,
    /// What to ask for next.
    pub(crate) next_after: u64,
}

/// A line that a run printed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) seq: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) stream: String,
    pub(crate) text: String,
    /// What else the server says about it.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// What the platform says about a list of integrations.
#[derive(Debug, Deserialize)]
pub(crate) struct IntegrationsReply {
    #[serde(default)]
    pub(crate) errors: Vec<Problem>,
    #[serde(default)]
    pub(crate) warnings: Vec<Value>,
}
