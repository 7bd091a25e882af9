//! How what a source watches is doing.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};
use crate::id::OwnerId;

/// What a source is doing about one thing that it watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WatchState {
    /// It is on its way to the server.
    Connecting,
    /// It is asking for what is new.
    Polling,
    /// All is known, and the server is to tell what comes.
    Idle,
    /// It tries again in a while.
    Waiting,
    /// It does not watch: another node does, or is about to.
    Elsewhere,
    /// Nothing comes of it until somebody acts.
    NeedsAttention,
}

impl WatchState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Connecting, Self::Polling, Self::Idle, Self::Waiting, Self::Elsewhere, Self::NeedsAttention];

    /// Returns the state as it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Polling => "polling",
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Elsewhere => "elsewhere",
            Self::NeedsAttention => "needs_attention",
        }
    }
}

/// What went wrong with a watch; nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchError {
    /// The stable code.
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The page on which the user can act.
    pub action_url: Option<String>,
    /// When it happened.
    pub at: DateTime<Utc>,
}

impl WatchError {
    /// Takes what may be shown out of an error.
    #[must_use]
    pub fn new(error: &Error, at: DateTime<Utc>) -> Self {
        Self {
            code: error.code(),
            message: error.message().to_owned(),
            hint: error.hint().map(str::to_owned),
            action_url: error.action_url().map(str::to_owned),
            at,
        }
    }
}

/// What a source watches for a trigger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Watched {
    /// The credential under which it is reached.
    pub account: String,
    /// Which part of the account: the mailbox.
    pub place: String,
}

/// How one thing that a source watches is doing: a mailbox of an account, say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountHealth {
    /// Whose it is.
    pub owner: OwnerId,
    /// What is watched.
    #[serde(flatten)]
    pub watched: Watched,
    /// What the source is doing about it.
    pub state: WatchState,
    /// When it was last known that nothing new was left.
    pub last_success: Option<DateTime<Utc>>,
    /// When the newest event that was emitted happened.
    pub last_event: Option<DateTime<Utc>>,
    /// What went wrong last; stays after a success.
    pub last_error: Option<WatchError>,
    /// How often in a row it went wrong; 0 after a success.
    pub failures: u32,
}

impl AccountHealth {
    /// Something of which nothing is known yet.
    #[must_use]
    pub const fn unknown(owner: OwnerId, watched: Watched) -> Self {
        Self {
            owner,
            watched,
            state: WatchState::Elsewhere,
            last_success: None,
            last_event: None,
            last_error: None,
            failures: 0,
        }
    }

    /// Returns for how long something new may have gone unseen; `None` before the first success.
    #[must_use]
    pub fn lag(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.last_success.map(|last| (now - last).max(TimeDelta::zero()))
    }
}
