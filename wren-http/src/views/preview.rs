//! What a script's triggers would have done, on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use wren_core::engine::TriggerPreview;
use wren_core::model::TriggerKind;
use wren_core::source::{PastEvent, WatchError};
use wren_core::{ErrorClass, ErrorCode};

use crate::openapi::words;

/// The answer of `POST /v1/triggers/preview`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScriptPreview {
    /// Every trigger of the script, in its order.
    pub triggers: Vec<PreviewedTrigger>,
}

impl ScriptPreview {
    /// Shows what an engine found.
    #[must_use]
    pub fn new(previews: &[TriggerPreview]) -> Self {
        Self { triggers: previews.iter().map(PreviewedTrigger::from).collect() }
    }
}

/// What one trigger would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreviewedTrigger {
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = words::TriggerKind)]
    pub kind: TriggerKind,
    /// The function it calls.
    pub func: String,
    /// What the script passes to the decorator.
    #[schema(value_type = HashMap<String, Value>)]
    pub config: Map<String, Value>,
    /// Whether its kind has past events to look at; false for a schedule.
    pub previewed: bool,
    /// The credential under which its place is reached; null when it is not previewed.
    #[schema(required = true)]
    pub account: Option<String>,
    /// Which part of the account was looked at, say the mailbox; null when it is not previewed.
    #[schema(required = true)]
    pub place: Option<String>,
    /// How many of the events would have fired it; null when none could be looked at.
    #[schema(required = true)]
    pub matched: Option<usize>,
    /// Whether these are as many events as were asked for, or all that there are: false when there was no time for older ones.
    /// Null when none could be looked at.
    #[schema(required = true)]
    pub complete: Option<bool>,
    /// The events, the newest first.
    pub events: Vec<PastEventView>,
    /// Why no event could be looked at; null otherwise.
    #[schema(required = true)]
    pub error: Option<PreviewProblem>,
}

impl From<&TriggerPreview> for PreviewedTrigger {
    fn from(TriggerPreview { spec, preview, .. }: &TriggerPreview) -> Self {
        let seen = preview.as_ref().and_then(|preview| preview.outcome.as_ref().ok());
        let error = preview.as_ref().and_then(|preview| preview.outcome.as_ref().err());
        Self {
            kind: spec.kind,
            func: spec.func.clone(),
            config: spec.config.clone(),
            previewed: preview.is_some(),
            account: preview.as_ref().map(|preview| preview.account.clone()),
            place: preview.as_ref().map(|preview| preview.place.clone()),
            matched: seen.map(wren_core::source::PastEvents::matched),
            complete: seen.map(|seen| seen.is_complete),
            events: seen.map(|seen| seen.events.iter().map(PastEventView::from).collect()).unwrap_or_default(),
            error: error.map(PreviewProblem::from),
        }
    }
}

/// A past event, and what a trigger makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastEventView {
    /// When it happened: of a mail, when it came into the account.
    pub at: DateTime<Utc>,
    /// Whether it would have fired the trigger.
    pub matches: bool,
    /// The arguments that it does not meet, as paths into the config: `subject`, `all[1].from`; at most ten. Absent when it
    /// matches, and where there is no telling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// What it is known again by. Of a mail: `from`, `subject`, `message_id`, `mailbox`, `has_attachment`, `size` in bytes, and
    /// `truncated`, which says that its header alone was read. Never its contents.
    #[schema(value_type = HashMap<String, Value>)]
    pub summary: Map<String, Value>,
}

impl From<&PastEvent> for PastEventView {
    fn from(event: &PastEvent) -> Self {
        Self { at: event.at, matches: event.matches, failed: event.failed.clone(), summary: Map::clone(&event.summary) }
    }
}

/// Why a place could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewProblem {
    /// Who must act.
    #[serde(rename = "type")]
    #[schema(value_type = words::ErrorClass)]
    pub class: ErrorClass,
    /// The stable code.
    #[schema(value_type = words::ErrorCode)]
    pub code: ErrorCode,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The page on which the user can act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action_url: Option<String>,
}

impl From<&WatchError> for PreviewProblem {
    fn from(error: &WatchError) -> Self {
        Self {
            class: error.code.class(),
            code: error.code,
            message: error.message.clone(),
            hint: error.hint.clone(),
            action_url: error.action_url.clone(),
        }
    }
}
