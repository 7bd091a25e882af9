//! How what a trigger has its source watch is doing, on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wren_core::source::{AccountHealth, WatchError, WatchState};
use wren_core::{ErrorCode, source};

use crate::openapi::words;

/// How what a trigger has its source watch is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchView {
    /// The credential under which it is reached.
    pub account: String,
    /// Which part of the account: the mailbox.
    pub place: String,
    /// What the source is doing about it; `elsewhere` before any node has said something.
    #[schema(value_type = words::WatchState)]
    pub state: WatchState,
    /// When it was last known that nothing new was left; null before the first time.
    #[schema(required = true)]
    pub last_success: Option<DateTime<Utc>>,
    /// For how long something new may have gone unseen, in milliseconds; null before the first success.
    #[schema(required = true)]
    pub lag_ms: Option<u64>,
    /// When the newest event happened; null before the first.
    #[schema(required = true)]
    pub last_event: Option<DateTime<Utc>>,
    /// How often in a row it went wrong; 0 after a success.
    pub failures: u32,
    /// What went wrong last, and stays after a success; null when nothing did.
    #[schema(required = true)]
    pub last_error: Option<WatchErrorView>,
}

/// What went wrong with a watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchErrorView {
    /// The stable code.
    #[schema(value_type = words::ErrorCode)]
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The page on which the user can act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action_url: Option<String>,
    /// When it happened.
    pub at: DateTime<Utc>,
}

impl WatchView {
    /// Shows how a watch is doing at `now`.
    #[must_use]
    pub fn new(health: AccountHealth, now: DateTime<Utc>) -> Self {
        let lag = health.lag(now);
        let AccountHealth { watched, state, last_success, last_event, last_error, failures, .. } = health;
        let source::Watched { account, place } = watched;
        Self {
            account,
            place,
            state,
            last_success,
            lag_ms: lag.and_then(|lag| u64::try_from(lag.num_milliseconds()).ok()),
            last_event,
            failures,
            last_error: last_error.map(WatchErrorView::from),
        }
    }
}

impl From<WatchError> for WatchErrorView {
    fn from(error: WatchError) -> Self {
        let WatchError { code, message, hint, action_url, at } = error;
        Self { code, message, hint, action_url, at }
    }
}
