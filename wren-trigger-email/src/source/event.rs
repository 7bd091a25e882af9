//! A mail as an event.

use chrono::{DateTime, Utc};
use serde_json::Value;
use wren_core::source::SourceEvent;

use super::Place;
use crate::filter::FilterIndex;
use crate::imap::Meta;
use crate::mail::Mail;

/// A mail that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) meta: Meta,
    pub(super) mail: Mail,
    /// Whether it is its header alone.
    pub(super) truncated: bool,
}

impl Read {
    pub(super) fn key(&self) -> String {
        self.mail.key()
    }

    pub(super) fn received(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.meta.received.unwrap_or(now)
    }

    /// Makes an event for each trigger that it fires.
    pub(super) fn events(&self, rules: &FilterIndex, place: &Place, now: DateTime<Utc>) -> Vec<SourceEvent> {
        let matching = rules.matching(&self.mail, &place.mailbox);
        if matching.is_empty() {
            return Vec::new();
        }
        let mut payload = self.mail.to_event();
        if let Value::Object(fields) = &mut payload {
            fields.insert("mailbox".to_owned(), Value::from(place.mailbox.as_str()));
            if self.truncated {
                fields.insert("truncated".to_owned(), Value::from(true));
            }
        }
        let (dedupe_key, at) = (self.key(), self.received(now));
        let event =
            |trigger_id| SourceEvent { trigger_id, dedupe_key: dedupe_key.clone(), at, payload: payload.clone() };
        matching.into_iter().map(event).collect()
    }
}
