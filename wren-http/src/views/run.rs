//! Runs and their logs on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wren_core::model::{Attempt, AttemptEnd, Isolation, LogEntry, Run, RunState, SkipReason, TriggerKind};
use wren_core::{CorrelationId, DeploymentId, Error, RunId, TriggerId, WireError};

use crate::openapi::{shapes, words};

/// One page of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunList {
    /// The runs, latest due time first.
    pub runs: Vec<RunSummary>,
    /// The `cursor` of the next page; absent from the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A run, as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// Its id.
    #[schema(value_type = words::RunId)]
    pub run_id: RunId,
    /// The deployment.
    #[schema(value_type = words::DeploymentId)]
    pub deployment_id: DeploymentId,
    /// What fired it.
    #[schema(value_type = words::TriggerKind)]
    pub trigger: TriggerKind,
    /// The state.
    #[schema(value_type = words::RunState)]
    pub status: RunState,
    /// When its latest attempt was started; null before the first.
    #[schema(required = true)]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; null before.
    #[schema(required = true)]
    pub completed_at: Option<DateTime<Utc>>,
    /// How long its latest attempt took, in milliseconds; null before it ended.
    #[schema(required = true)]
    pub duration_ms: Option<u64>,
    /// The path of its logs.
    #[schema(format = "uri-reference")]
    pub logs_url: String,
    /// The function it calls.
    pub func: String,
    /// The revision it is pinned to.
    pub revision: u32,
    /// The trigger that fired it; absent from a manual run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::TriggerId>, nullable = false)]
    pub trigger_id: Option<TriggerId>,
    /// The due time, or the time of the event or request.
    pub scheduled_for: DateTime<Utc>,
    /// The current attempt, from 1.
    pub attempt: u32,
    /// The run that it repeats; absent from one that repeats none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::RunId>, nullable = false)]
    pub retry_of: Option<RunId>,
    /// Why it was skipped; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::SkipReason>, nullable = false)]
    pub skip_reason: Option<SkipReason>,
    /// Why it failed, or while it is queued again, why the attempt before did; absent otherwise. Only its type, code,
    /// message, hint and action URL, the texts of at most 500 characters: the run itself has the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<shapes::Error>, nullable = false)]
    pub error: Option<WireError>,
    /// Follows the run through the platform's logs.
    #[schema(value_type = words::CorrelationId)]
    pub correlation_id: CorrelationId,
    /// Whether what it printed was deleted, as the server deletes old logs before their runs; absent where it was not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub logs_pruned: bool,
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        Self {
            run_id: run.id,
            deployment_id: run.deployment_id,
            trigger: run.trigger,
            status: run.state,
            started_at: run.started_at,
            completed_at: run.completed_at,
            duration_ms: run.duration_ms(),
            logs_url: format!("/v1/runs/{}/logs", run.id),
            func: run.func.clone(),
            revision: run.revision,
            trigger_id: run.trigger_id,
            scheduled_for: run.scheduled_for,
            attempt: run.attempt,
            retry_of: run.retry_of(),
            skip_reason: run.skip_reason,
            error: run.error.as_ref().map(gist),
            correlation_id: run.correlation_id.clone(),
            logs_pruned: run.logs_pruned,
        }
    }
}

/// The longest message and hint of an error in a list, in characters.
const GIST_CHARS: usize = 500;

/// Returns what lists say of an error. Tracebacks and details can be 100 KiB each, and a page has up to 200 runs.
fn gist(error: &WireError) -> WireError {
    let mut gist = WireError::from(&Error::new(error.code, ""));
    gist.message = cut(&error.message);
    gist.hint = error.hint.as_deref().map(cut);
    gist.action_url.clone_from(&error.action_url);
    gist.retryable = false;
    gist
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(GIST_CHARS) {
        None => text.to_owned(),
        Some(_) => text.chars().take(GIST_CHARS - 1).chain(['…']).collect(),
    }
}

/// A run with its result and attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunDetail {
    /// What lists show, its error whole.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// What the function returned; null without a result.
    #[schema(required = true)]
    pub result: Option<Value>,
    /// The isolation its latest attempt had; null before the first has ended.
    #[schema(value_type = Option<shapes::Isolation>, required = true)]
    pub isolation: Option<Isolation>,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptView>,
}

impl RunDetail {
    /// Joins a run with its attempts.
    #[must_use]
    pub fn new(run: &Run, attempts: &[Attempt]) -> Self {
        Self {
            summary: RunSummary { error: run.error.clone(), ..RunSummary::from(run) },
            result: run.result.clone(),
            isolation: run.isolation.clone(),
            attempts: attempts.iter().map(AttemptView::from).collect(),
        }
    }
}

/// One try at a run. Which worker made it is the operator's business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// Its number, from 1.
    pub number: u32,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it ended; null before.
    #[schema(required = true)]
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended; null before.
    #[schema(value_type = Option<words::AttemptEnd>, required = true)]
    pub end: Option<AttemptEnd>,
    /// Why it failed; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<shapes::Error>, nullable = false)]
    pub error: Option<WireError>,
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            end: attempt.end,
            error: attempt.error.clone(),
        }
    }
}

/// Lines of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// The run.
    #[schema(value_type = words::RunId)]
    pub run_id: RunId,
    /// Its state, as it was before the lines were read.
    #[schema(value_type = words::RunState)]
    pub status: RunState,
    /// The lines, in order.
    #[schema(value_type = Vec<shapes::LogEntry>)]
    pub logs: Vec<LogEntry>,
    /// What to pass as `after` for the lines that follow.
    pub next_after: u64,
    /// Whether the lines were deleted, as the server deletes old logs before their runs; absent where they were not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub logs_pruned: bool,
}
