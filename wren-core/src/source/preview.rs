//! What past events would have done: what a source is asked before a script is deployed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::WatchError;
use crate::error::{Error, ErrorCode, Result};
use crate::id::OwnerId;

/// The most past events that are looked at in one place.
pub const MAX_PREVIEW_EVENTS: usize = 500;
/// How many are looked at unless another number is asked for.
pub const DEFAULT_PREVIEW_EVENTS: usize = 50;

/// What a source is to look at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PreviewOptions {
    /// Whose accounts are looked into, with the owner's own credentials.
    pub owner: OwnerId,
    /// The configs of triggers, as `validate` takes them and finds nothing wrong with them.
    pub configs: Vec<Map<String, Value>>,
    /// How many events are looked at in each place, the newest ones: 1 to [`MAX_PREVIEW_EVENTS`].
    pub last: usize,
}

impl PreviewOptions {
    /// Asks about some triggers.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when `last` is out of range.
    pub fn new(owner: OwnerId, configs: Vec<Map<String, Value>>, last: usize) -> Result<Self> {
        check_last(last)?;
        Ok(Self { owner, configs, last })
    }
}

/// Refuses a number of events that is out of range.
///
/// # Errors
/// `INVALID_REQUEST`.
pub(crate) fn check_last(last: usize) -> Result<()> {
    if (1..=MAX_PREVIEW_EVENTS).contains(&last) {
        return Ok(());
    }
    let message = format!("`last` is {last}, and from 1 to {MAX_PREVIEW_EVENTS} past events are looked at");
    Err(Error::new(ErrorCode::InvalidRequest, message)
        .with_hint(format!("send a number from 1 to {MAX_PREVIEW_EVENTS}, or none for {DEFAULT_PREVIEW_EVENTS}"))
        .with_detail("limit", MAX_PREVIEW_EVENTS))
}

/// What one trigger would have done.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The credential under which its place is reached.
    pub account: String,
    /// Which part of the account: the mailbox.
    pub place: String,
    /// The events that were looked at, or why there are none to look at.
    pub outcome: Result<PastEvents, WatchError>,
}

/// Past events of one place, with what one trigger makes of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PastEvents {
    /// The newest first.
    pub events: Vec<PastEvent>,
    /// Whether these are all that was asked for, or all that there are; false when there was no time for the older ones.
    pub is_complete: bool,
}

impl PastEvents {
    /// Returns how many of the events match.
    #[must_use]
    pub fn matched(&self) -> usize {
        self.events.iter().filter(|event| event.matches).count()
    }
}

/// Something that happened before anybody watched.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEvent {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What it was, in a few short words that people know it again by; never its contents. Shared by the triggers that look at
    /// one place.
    pub summary: Arc<Map<String, Value>>,
    /// Whether it would have fired the trigger.
    pub matches: bool,
    /// The arguments of the trigger that it does not meet, as paths into its config: `subject`, `all[1].from`. Empty when it
    /// matches, and where there is no telling.
    pub failed: Vec<String>,
}
