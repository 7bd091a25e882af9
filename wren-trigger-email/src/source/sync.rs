//! From what a mailbox holds to events: each mail once.

use chrono::{DateTime, TimeDelta, Utc};
use wren_core::source::{Emission, SourceEvent};
use wren_core::{Error, Result};

use super::cursor::{Cursor, Kept};
use super::event::Read;
use super::reading::Reader;
use super::retry::Trouble;
use super::watch::Watch;
use crate::imap::{Meta, Session, set};

/// How long ago the triggers may have been deployed whose mails are looked for at the first look.
const LONGEST_ABSENCE: TimeDelta = TimeDelta::days(7);
/// How far the clocks of this machine and of a mail server may be apart.
const SKEW: TimeDelta = TimeDelta::minutes(2);

impl Watch {
    /// Deals with all that is new in a mailbox.
    pub(super) async fn sync(&self, session: &mut Session, reader: Reader<'_>) -> Result<(), Trouble> {
        let mailbox = reader.mailbox();
        let mut kept = match Kept::load(&self.context, &self.place).await? {
            Some(kept) => kept,
            None => self.begin(session, reader).await?,
        };
        if kept.cursor.is_of_another(mailbox) {
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
            let uids = uids.map_err(|fault| reader.trouble(fault))?;
            self.deal_with(session, &uids, &mut kept, reader).await?;
            kept.cursor.last = last;
            self.advance(Vec::new(), &mut kept).await?;
        }
        if mailbox.uid_next <= kept.cursor.last.saturating_add(1) {
            return Ok(());
        }
        let uids = session.uids(kept.cursor.last + 1, None, None).await.map_err(|fault| reader.trouble(fault))?;
        self.deal_with(session, &uids, &mut kept, reader).await
    }

    /// Begins where the first of the triggers was deployed, which may be a while ago if nobody got in until now, and else at the
    /// mailbox's end. The mails that came just before are remembered: they would seem to have come after the beginning, were they
    /// numbered anew.
    async fn begin(&self, session: &mut Session, reader: Reader<'_>) -> Result<Kept, Trouble> {
        let now = self.context.clock.now();
        let deployed = self.since().clamp(now - LONGEST_ABSENCE, now);
        let since = deployed.min(now - SKEW);
        let mut kept = Kept::new(Cursor::at_end(reader.mailbox(), since));
        if kept.cursor.last > 0 {
            let faulty = |fault| reader.trouble(fault);
            let uids = session.uids(1, Some(kept.cursor.last), Some(since.date_naive())).await.map_err(faulty)?;
            let mut metas = Vec::new();
            for some in uids.chunks(self.context.options.batch) {
                metas.extend(session.metas(&set(some)).await.map_err(faulty)?);
            }
            let received = |meta: &Meta, after: DateTime<Utc>| meta.received.is_none_or(|received| received >= after);
            let is_wanted = |meta: &&Meta| meta.received.is_some() && received(meta, deployed);
            if let Some(first) = metas.iter().filter(is_wanted).map(|meta| meta.uid).min() {
                kept.cursor.last = first - 1;
            }
            metas.retain(|meta| meta.uid <= kept.cursor.last && received(meta, since));
            for group in reader.groups(metas) {
                for read in reader.read(session, &group).await? {
                    self.remember(&mut kept.cursor, &read);
                }
            }
        }
        self.advance(Vec::new(), &mut kept).await?;
        Ok(kept)
    }

    async fn deal_with(
        &self,
        session: &mut Session,
        uids: &[u32],
        kept: &mut Kept,
        reader: Reader<'_>,
    ) -> Result<(), Trouble> {
        for some in uids.chunks(self.context.options.batch) {
            // Those that are gone by now are not in the answer.
            let mut metas = session.metas(&set(some)).await.map_err(|fault| reader.trouble(fault))?;
            let rescanning = kept.cursor.is_rescanning();
            if rescanning {
                let since = kept.cursor.since;
                metas.retain(|meta| meta.received.is_none_or(|received| received >= since));
            }
            for group in reader.groups(metas) {
                let mails = reader.read(session, &group).await?;
                let filters = self.filters().await?;
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
}
