//! Reading mails of a mailbox, within limits.

use std::sync::Arc;

use wren_core::{Error, ErrorCode};

use super::account::Account;
use super::event::Read;
use super::retry::Trouble;
use super::{Context, Place};
use crate::imap::{Fault, Meta, Selected, Session, set};
use crate::mail::Mail;

/// Reads mails of a mailbox that is open. Nothing that it does marks one as read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    context: &'a Context,
    place: &'a Place,
    /// As the mailbox was opened.
    mailbox: Selected,
    account: &'a Account,
}

impl<'a> Reader<'a> {
    /// Opens the mailbox, for reading only.
    pub(super) async fn open(
        context: &'a Context,
        place: &'a Place,
        session: &mut Session,
        account: &'a Account,
    ) -> Result<Self, Trouble> {
        let mailbox = session.examine(&place.mailbox).await.map_err(|fault| {
            let mailbox = &place.mailbox;
            match fault {
                Fault::No(words) if !Fault::No(words.clone()).is_passing() => {
                    Error::new(ErrorCode::NotFound, format!("the mailbox `{mailbox}` cannot be opened: {words}"))
                        .with_hint("make the mailbox, or name another one in the trigger's `mailbox`")
                        .into()
                }
                fault => Trouble::fault(fault, &account.endpoint.host),
            }
        })?;
        Ok(Self { context, place, mailbox, account })
    }

    /// Returns the mailbox as it was when it was opened.
    pub(super) fn mailbox(&self) -> Selected {
        self.mailbox
    }

    pub(super) fn trouble(&self, fault: Fault) -> Trouble {
        Trouble::fault(fault, &self.account.endpoint.host)
    }

    /// Splits mails, in order, into groups that are read at once: no group is of more bytes than one mail may be.
    pub(super) fn groups(&self, metas: Vec<Meta>) -> Vec<Vec<Meta>> {
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
    pub(super) async fn read(&self, session: &mut Session, group: &[Meta]) -> Result<Vec<Read>, Trouble> {
        let most = self.context.options.mail_bytes;
        let (whole, large): (Vec<&Meta>, Vec<&Meta>) = group.iter().partition(|meta| meta.size <= most);
        let mut found = Vec::new();
        for (metas, truncated) in [(whole, false), (large, true)] {
            let uids: Vec<u32> = metas.iter().map(|meta| meta.uid).collect();
            if uids.is_empty() {
                continue;
            }
            let bytes = metas.iter().map(|meta| meta.size.min(most)).sum();
            let read = session.read(&uids, bytes, truncated).await.map_err(|fault| self.trouble(fault))?;
            found.extend(read.into_iter().map(|(uid, raw)| (uid, raw, truncated)));
        }
        self.missing(session, group, &mut found).await?;
        let (limits, group) = (Arc::clone(&self.account.limits), group.to_vec());
        // A mail of many megabytes takes its time, in which others are to be served.
        let parsed = tokio::task::spawn_blocking(move || {
            let read = |meta: Meta| {
                let (_, raw, truncated) = found.iter().find(|(uid, ..)| *uid == meta.uid)?;
                Some(Read { mail: Mail::parse(raw, &limits), truncated: *truncated, meta })
            };
            group.into_iter().filter_map(read).collect()
        });
        parsed.await.map_err(|error| Error::internal("reading mails ended early", error).into())
    }

    /// Looks after mails that the server did not give: gone, or there and unreadable. Of these the header will do; one without
    /// that stops the mailbox rather than being lost in silence.
    async fn missing(
        &self,
        session: &mut Session,
        group: &[Meta],
        found: &mut Vec<(u32, Vec<u8>, bool)>,
    ) -> Result<(), Trouble> {
        let faulty = |fault| self.trouble(fault);
        let given = |found: &[(u32, Vec<u8>, bool)], uid| found.iter().any(|(other, ..)| *other == uid);
        let missing: Vec<u32> = group.iter().map(|meta| meta.uid).filter(|uid| !given(found, *uid)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // Only now may the server say that some are gone.
        let mailbox = session.examine(&self.place.mailbox).await.map_err(faulty)?;
        if mailbox.uid_validity != self.mailbox.uid_validity {
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
