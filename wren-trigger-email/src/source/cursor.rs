//! How far a mailbox has been read.

use std::collections::VecDeque;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use wren_core::store::{Expect, Namespace, PutOptions, RecordWrite};
use wren_core::{Error, Result};

use super::{Context, Place};
use crate::imap::Selected;

/// How many characters of a dedupe key tell a remembered mail from others.
const MARK: usize = 24;

/// How far a mailbox has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Under which the numbers hold.
    pub(super) uid_validity: u32,
    /// The number up to which every mail has been dealt with.
    pub(super) last: u32,
    /// The number up to which mails may be ones that were known under other numbers.
    pub(super) known_to: u32,
    /// From when on mails count that come under new numbers: those before were there at the first look, or are too old to be
    /// remembered.
    pub(super) since: DateTime<Utc>,
    /// The latest mails that were dealt with, oldest first, and when each was received.
    seen: VecDeque<(String, DateTime<Utc>)>,
}

/// A cursor, and the version it was read at.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) cursor: Cursor,
    version: Option<u64>,
}

impl Cursor {
    /// Begins at the end of a mailbox.
    pub(super) fn at_end(mailbox: Selected, since: DateTime<Utc>) -> Self {
        let last = mailbox.uid_next.saturating_sub(1);
        Self { uid_validity: mailbox.uid_validity, last, known_to: 0, since, seen: VecDeque::new() }
    }

    /// Says whether a mailbox is numbered otherwise than this one was: anew, or again from a number that was given before, as
    /// after one was restored from a copy.
    pub(super) fn is_of_another(&self, mailbox: Selected) -> bool {
        self.uid_validity != mailbox.uid_validity || mailbox.uid_next <= self.last
    }

    /// The server has numbered everything anew: all that is there now is looked at again.
    pub(super) fn renumber(&mut self, mailbox: Selected) {
        self.uid_validity = mailbox.uid_validity;
        self.last = 0;
        self.known_to = mailbox.uid_next.saturating_sub(1);
    }

    /// Says whether mails that come next may be known ones.
    pub(super) fn is_rescanning(&self) -> bool {
        self.last < self.known_to
    }

    pub(super) fn has_seen(&self, key: &str) -> bool {
        self.seen.iter().any(|(seen, _)| key.starts_with(seen.as_str()))
    }

    /// Remembers a mail that was dealt with, and forgets the oldest where there are too many.
    pub(super) fn remember(&mut self, key: &str, received: DateTime<Utc>, most: usize, now: DateTime<Utc>) {
        if self.has_seen(key) {
            return;
        }
        self.seen.push_back((key.chars().take(MARK).collect(), received));
        while self.seen.len() > most {
            if let Some((_, received)) = self.seen.pop_front() {
                // A date in the future must not make mails of tomorrow too old.
                self.since = self.since.max(received.min(now));
            }
        }
    }
}

impl Kept {
    pub(super) fn new(cursor: Cursor) -> Self {
        Self { cursor, version: None }
    }

    /// Reads the cursor of a mailbox; `None` before the first look.
    pub(super) async fn load(context: &Context, place: &Place) -> Result<Option<Self>> {
        let (namespace, key) = address(place);
        let Some(record) = context.records.record(&namespace, &key, context.clock.now()).await? else {
            return Ok(None);
        };
        let cursor = serde_json::from_slice(&record.value)
            .map_err(|error| Error::internal("the cursor of a mailbox cannot be read", error))?;
        Ok(Some(Self { cursor, version: Some(record.version) }))
    }

    /// Writes the cursor, unless another node has written it since it was read.
    pub(super) async fn save(&mut self, context: &Context, place: &Place) -> Result<()> {
        let RecordWrite { namespace, key, value, options } = self.write(context, place)?;
        let version = context.records.put_record(&namespace, &key, value, options).await?;
        self.version = Some(version);
        Ok(())
    }

    /// Returns the write of the cursor, for the transaction that records what it stands for.
    pub(super) fn write(&self, context: &Context, place: &Place) -> Result<RecordWrite> {
        let (namespace, key) = address(place);
        let value = serde_json::to_vec(&self.cursor)
            .map_err(|error| Error::internal("the cursor of a mailbox cannot be written", error))?;
        let expect = self.version.map_or(Expect::Absent, Expect::Version);
        let options = PutOptions::at(context.clock.now()).expecting(expect);
        Ok(RecordWrite { namespace, key, value: Bytes::from(value), options })
    }

    /// Learns the version that a write in somebody else's transaction has got.
    pub(super) async fn written(&mut self, context: &Context, place: &Place) -> Result<()> {
        let (namespace, key) = address(place);
        let record = context.records.record(&namespace, &key, context.clock.now()).await?;
        self.version = record.map(|record| record.version);
        Ok(())
    }

    /// Forgets a mailbox that no trigger names any more: one that names it again begins at its end, as the first did.
    pub(super) async fn forget(context: &Context, place: &Place) -> Result<()> {
        let (namespace, key) = address(place);
        context.records.delete_record(&namespace, &key, Expect::Any, context.clock.now()).await.map(|_| ())
    }
}

fn address(place: &Place) -> (Namespace, String) {
    // A credential's name has no slash.
    (Namespace::owned(&place.owner, "email/cursors"), format!("{}/{}", place.account, place.mailbox))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_is_no_longer_remembered_is_too_old_to_count() {
        let now: DateTime<Utc> = "2026-06-01T12:00:00Z".parse().unwrap();
        let mut cursor = Cursor::at_end(Selected { uid_validity: 1, uid_next: 5, exists: 4 }, now);
        assert!(cursor.last == 4 && !cursor.is_rescanning());
        let key = |number: i32| format!("{number:064}").chars().rev().collect::<String>();
        for number in 0..5 {
            cursor.remember(&key(number), now + TimeDelta::minutes(i64::from(number)), 3, now + TimeDelta::hours(1));
        }
        assert!(!cursor.has_seen(&key(1)) && cursor.has_seen(&key(2)) && cursor.has_seen(&key(4)));
        assert_eq!(cursor.since, now + TimeDelta::minutes(1));
        cursor.renumber(Selected { uid_validity: 2, uid_next: 9, exists: 8 });
        assert!(cursor.is_rescanning() && cursor.known_to == 8 && cursor.has_seen(&key(4)));
    }

    #[test]
    fn numbers_that_are_given_again_are_another_mailbox() {
        let now: DateTime<Utc> = "2026-06-01T12:00:00Z".parse().unwrap();
        let mailbox = |uid_validity, uid_next| Selected { uid_validity, uid_next, exists: 1 };
        let cursor = Cursor::at_end(mailbox(1, 60), now);
        assert!(!cursor.is_of_another(mailbox(1, 60)) && !cursor.is_of_another(mailbox(1, 61)));
        assert!(cursor.is_of_another(mailbox(2, 60)), "another UIDVALIDITY");
        assert!(cursor.is_of_another(mailbox(1, 10)), "a copy of yesterday");
    }

    #[test]
    fn a_date_in_the_future_makes_nothing_too_old() {
        let now: DateTime<Utc> = "2026-06-01T12:00:00Z".parse().unwrap();
        let mut cursor = Cursor::at_end(Selected { uid_validity: 1, uid_next: 1, exists: 0 }, now);
        cursor.remember("a", now + TimeDelta::days(999), 0, now);
        assert_eq!(cursor.since, now);
    }
}
