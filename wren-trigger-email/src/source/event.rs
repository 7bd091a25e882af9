//! A mail as an event.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
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
    /// Names the mail: by what it says of itself and by its bytes, not by its number, so that it has the same name when the
    /// server numbers its mails anew.
    pub(super) fn key(&self) -> String {
        let mut hash = Sha256::new();
        // Its length keeps the one from running into the other.
        let id = self.mail.message_id().unwrap_or_default();
        hash.update((id.len() as u64).to_be_bytes());
        hash.update(id);
        hash.update(self.mail.content_hash());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
