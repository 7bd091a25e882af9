//! From what a mailbox holds to events: each mail once.

use chrono::TimeDelta;
use wren_core::source::{Emission, SourceEvent};
use wren_core::{Error, Result};

use super::cursor::{Cursor, Kept};
use super::event::Read;
use super::retry::Trouble;
use super::watch::Watch;
use crate::imap::{Fault, Meta, Selected, Session, set};
use crate::mail::Mail;

/// How far the clocks of this machine and of a mail server may be apart.
const SKEW: TimeDelta = TimeDelta::minutes(2);

impl Watch {
    /// Deals with all that is new in a mailbox.
    pub(super) async fn sync(&self, session: &mut Session, mailbox: Selected, host: &str) -> Result<(), Trouble> {
        let Some(mut kept) = Kept::load(&self.context, &self.place).await? else {
            return self.begin(session, mailbox, host).await;
        };
        if kept.cursor.uid_validity != mailbox.uid_validity {
            let (mailbox_name, account) = (&self.place.mailbox, &self.place.account);
            tracing::warn!(
                account,
                mailbox = mailbox_name,
                "the mail server numbered a mailbox anew; it is looked through again"
            );
            kept.cursor.renumber(mailbox);
            self.advance(Vec::new(), &mut kept).await?;
        }
        if kept.cursor.is_rescanning() {
            let (first, last) = (kept.cursor.last + 1, kept.cursor.known_to);
            let uids = session.uids(first, Some(last), Some(kept.cursor.since.date_naive())).await;
            let uids = uids.map_err(|fault| Trouble::fault(fault, host))?;
            self.deal_with(session, &uids, &mut kept, host).await?;
            kept.cursor.last = last;
            self.advance(Vec::new(), &mut kept).await?;
        }
        if mailbox.uid_next <= kept.cursor.last.saturating_add(1) {
            return Ok(());
        }
        let uids = session.uids(kept.cursor.last + 1, None, None).await.map_err(|fault| Trouble::fault(fault, host))?;
        self.deal_with(session, &uids, &mut kept, host).await
    }

    /// Begins at the mailbox's end. The mails that came just before are remembered: they would seem to have come after the
    /// beginning, were they numbered anew.
    async fn begin(&self, session: &mut Session, mailbox: Selected, host: &str) -> Result<(), Trouble> {
        let now = self.context.clock.now();
        let mut kept = Kept::new(Cursor::at_end(mailbox, now - SKEW));
        let (last, since) = (kept.cursor.last, kept.cursor.since);
        if last > 0 {
            let faulty = |fault| Trouble::fault(fault, host);
            let uids = session.uids(1, Some(last), Some(since.date_naive())).await.map_err(faulty)?;
            for some in uids.chunks(self.context.options.batch) {
                let mut metas = session.metas(&set(some)).await.map_err(faulty)?;
                metas.retain(|meta| meta.received.is_none_or(|received| received >= since));
                for group in self.groups(metas) {
                    for read in self.read(session, &group, host).await? {
                        self.remember(&mut kept.cursor, &read);
                    }
                }
            }
        }
        self.advance(Vec::new(), &mut kept).await?;
        Ok(())
    }

    async fn deal_with(&self, session: &mut Session, uids: &[u32], kept: &mut Kept, host: &str) -> Result<(), Trouble> {
        for some in uids.chunks(self.context.options.batch) {
            // Those that are gone by now are not in the answer.
            let mut metas = session.metas(&set(some)).await.map_err(|fault| Trouble::fault(fault, host))?;
            let rescanning = kept.cursor.is_rescanning();
            if rescanning {
                let since = kept.cursor.since;
                metas.retain(|meta| meta.received.is_none_or(|received| received >= since));
            }
            for group in self.groups(metas) {
                let mails = self.read(session, &group, host).await?;
                let filters = self.filters().await;
                let mut events = Vec::new();
                for read in &mails {
                    if !(rescanning && kept.cursor.has_seen(&read.key())) {
                        events.extend(read.events(&filters, &self.place, self.context.clock.now()));
                    }
                    self.remember(&mut kept.cursor, read);
                }
                if let Some(meta) = group.last() {
                    kept.cursor.last = meta.uid;
                }
                self.advance(events, kept).await?;
            }
            if let Some(last) = some.last().filter(|last| **last > kept.cursor.last) {
                kept.cursor.last = *last;
                self.advance(Vec::new(), kept).await?;
            }
        }
        Ok(())
    }

    /// Records events together with the cursor that says that their mails have been dealt with: the one place where it is saved.
    async fn advance(&self, events: Vec<SourceEvent>, kept: &mut Kept) -> Result<(), Error> {
        let newest = events.iter().map(|event| event.at).max();
        if events.is_empty() {
            kept.save(&self.context, &self.place).await?;
        } else {
            let cursor = kept.write(&self.context, &self.place)?;
            self.sink.emit(Emission::from(events).with_records(vec![cursor])).await?;
            kept.written(&self.context, &self.place).await?;
        }
        if let Some(newest) = newest {
            self.context.health.emitted(&self.place, newest);
        }
        Ok(())
    }

    fn remember(&self, cursor: &mut Cursor, read: &Read) {
        let now = self.context.clock.now();
        cursor.remember(&read.key(), read.received(now), self.context.options.remembered, now);
    }

    /// Splits mails, in order, into groups that are read at once: no group is of more bytes than one mail may be.
    fn groups(&self, metas: Vec<Meta>) -> Vec<Vec<Meta>> {
        let most = self.context.options.mail_bytes;
        let mut groups: Vec<Vec<Meta>> = Vec::new();
        let mut bytes = 0;
        for meta in metas {
            // Of a larger one the header is read, which counts as much as it may be.
            let size = meta.size.min(most);
            match groups.last_mut() {
                Some(group) if bytes + size <= most => group.push(meta),
                _ => {
                    groups.push(vec![meta]);
                    bytes = 0;
                }
            }
            bytes += size;
        }
        groups
    }

    /// Reads a group of mails, in order; those that are gone are left out.
    async fn read(&self, session: &mut Session, group: &[Meta], host: &str) -> Result<Vec<Read>, Trouble> {
        let most = self.context.options.mail_bytes;
        let (whole, large): (Vec<&Meta>, Vec<&Meta>) = group.iter().partition(|meta| meta.size <= most);
        let mut found = Vec::new();
        for (metas, truncated) in [(whole, false), (large, true)] {
            let uids: Vec<u32> = metas.iter().map(|meta| meta.uid).collect();
            if uids.is_empty() {
                continue;
            }
            let bytes = metas.iter().map(|meta| meta.size.min(most)).sum();
            let read = session.read(&uids, bytes, truncated).await.map_err(|fault| Trouble::fault(fault, host))?;
            found.extend(read.into_iter().map(|(uid, raw)| (uid, raw, truncated)));
        }
        self.missing(session, group, &mut found, host).await?;
        let limits = self.limits();
        Ok(group
            .iter()
            .filter_map(|meta| {
                let (_, raw, truncated) = found.iter().find(|(uid, ..)| *uid == meta.uid)?;
                Some(Read { meta: meta.clone(), mail: Mail::parse(raw, &limits), truncated: *truncated })
            })
            .collect())
    }

    /// Looks after mails that the server did not give: gone, or there and unreadable. Of these the header will do; one without
    /// that stops the mailbox rather than being lost in silence.
    async fn missing(
        &self,
        session: &mut Session,
        group: &[Meta],
        found: &mut Vec<(u32, Vec<u8>, bool)>,
        host: &str,
    ) -> Result<(), Trouble> {
        let faulty = |fault| Trouble::fault(fault, host);
        let given = |found: &[(u32, Vec<u8>, bool)], uid| found.iter().any(|(other, ..)| *other == uid);
        let missing: Vec<u32> = group.iter().map(|meta| meta.uid).filter(|uid| !given(found, *uid)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // Only now may the server say that some are gone.
        let mailbox = session.examine(&self.place.mailbox).await.map_err(faulty)?;
        if Some(mailbox.uid_validity) != self.uid_validity() {
            return Err(faulty(Fault::Lost));
        }
        let left = session.metas(&set(&missing)).await.map_err(faulty)?;
        let left: Vec<u32> = left.iter().map(|meta| meta.uid).collect();
        if left.is_empty() {
            return Ok(());
        }
        let headers = session.read(&left, self.context.options.mail_bytes, true).await.map_err(faulty)?;
        found.extend(headers.into_iter().map(|(uid, raw)| (uid, raw, true)));
        match left.iter().find(|uid| !given(found, **uid)) {
            None => Ok(()),
            Some(uid) => Err(faulty(Fault::No(format!("mail {uid} of `{}` cannot be read", self.place.mailbox)))),
        }
    }
}
