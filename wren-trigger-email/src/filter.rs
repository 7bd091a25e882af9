//! Which mails fire a trigger.

use serde_json::{Map, Value};
use wren_core::{Error, TriggerId};

use crate::mail::Mail;

/// The rules of one trigger.
#[derive(Debug, Clone)]
pub struct Filter;

impl Filter {
    /// Reads a trigger's config.
    ///
    /// # Errors
    /// Every fault, each `INVALID_FILTER` with the detail `argument` and a hint.
    pub fn parse(_config: &Map<String, Value>) -> Result<Self, Vec<Error>> {
        Ok(Self)
    }

    /// Says whether a mail of a mailbox fires the trigger.
    #[must_use]
    pub fn matches(&self, _mail: &Mail, _mailbox: &str) -> bool {
        true
    }
}

/// The rules of many triggers, asked at once.
#[derive(Debug, Default)]
pub struct FilterIndex {
    filters: Vec<(TriggerId, Filter)>,
}

impl FilterIndex {
    /// Puts rules together.
    #[must_use]
    pub fn new(filters: impl IntoIterator<Item = (TriggerId, Filter)>) -> Self {
        Self { filters: filters.into_iter().collect() }
    }

    /// Returns the triggers that a mail fires.
    #[must_use]
    pub fn matching(&self, mail: &Mail, mailbox: &str) -> Vec<TriggerId> {
        let matching = self.filters.iter().filter(|(_, filter)| filter.matches(mail, mailbox));
        matching.map(|(id, _)| *id).collect()
    }
}
