//! What is asked of a server that somebody has logged in to.

use std::future::Future;
use std::time::Duration;

use async_imap::imap_proto::{
    AttributeValue, MailboxDatum, MessageSection, Response, ResponseCode, SectionPath, Status,
};
use async_imap::types::UnsolicitedResponse;
use chrono::{DateTime, NaiveDate, Utc};

use super::fault::{Fault, clean};
use super::line::Line;
use super::name;

/// How many bytes a server may send in answer to a command that asks for no mail.
const SOME: u64 = 16 * 1024 * 1024;
/// The slowest that a server may send mails, in bytes for each second.
const SLOWEST: u64 = 16 * 1024;

/// A mailbox as the server shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selected {
    /// Under which its numbers hold.
    pub(crate) uid_validity: u32,
    /// The number that the next mail gets, or a greater one.
    pub(crate) uid_next: u32,
    /// How many mails it held when it was opened.
    pub(crate) exists: u32,
}

/// What is known of a mail before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) uid: u32,
    /// In bytes; some servers are not exact.
    pub(crate) size: u64,
    /// When it came into the account.
    pub(crate) received: Option<DateTime<Utc>>,
}

/// A server that somebody has logged in to.
#[derive(Debug)]
pub(crate) struct Session {
    inner: async_imap::Session<Line>,
    patience: Duration,
    /// Whether the server tells what comes.
    idles: bool,
    /// Whether mails were told of since the mailbox was opened.
    told: bool,
}

/// Waits for a server.
pub(super) async fn within<T>(
    patience: Duration,
    asked: impl Future<Output = async_imap::error::Result<T>>,
) -> Result<T, Fault> {
    Ok(tokio::time::timeout(patience, asked).await.map_err(|_| Fault::Silent)??)
}

impl Session {
    pub(super) async fn new(inner: async_imap::Session<Line>, patience: Duration) -> Result<Self, Fault> {
        let mut session = Self { inner, patience, idles: false, told: false };
        let mut idles = false;
        session
            .ask("CAPABILITY", 0, |response| {
                if let Response::Capabilities(all) = response {
                    use async_imap::imap_proto::Capability::Atom;
                    idles |= all.iter().any(|one| matches!(one, Atom(name) if name.eq_ignore_ascii_case("IDLE")));
                }
            })
            .await?;
        session.idles = idles;
        Ok(session)
    }

    /// Sends a command and hears what comes until it is done. The library's own fetches take a refusal, and a connection that
    /// ends, for the end of the list: mails would be missed without a word.
    async fn ask(
        &mut self,
        command: &str,
        mail_bytes: u64,
        mut hear: impl FnMut(&Response<'_>) + Send,
    ) -> Result<(), Fault> {
        // Sizes are not exact everywhere.
        self.inner.as_mut().allow(SOME + 2 * mail_bytes);
        let patience = self.patience + Duration::from_secs(mail_bytes / SLOWEST);
        let (inner, told) = (&mut self.inner, &mut self.told);
        let asking = async {
            let tag = inner.run_command(command).await?;
            loop {
                let response = inner.read_response().await?.ok_or(Fault::Lost)?;
                match response.parsed() {
                    Response::Done { tag: done, status, outcome } if *done == tag => {
                        let words = || {
                            let code = outcome.code.as_ref().map(|code| format!("{code:?} ")).unwrap_or_default();
                            clean(&format!("{code}{}", outcome.information.as_deref().unwrap_or_default()))
                        };
                        return match status {
                            Status::Ok => {
                                hear(response.parsed());
                                Ok(())
                            }
                            Status::No => Err(Fault::No(words())),
                            _ => Err(Fault::Bad(words())),
                        };
                    }
                    Response::Data { status: Status::Bye, .. } => return Err(Fault::Lost),
                    other => {
                        *told |= matches!(other, Response::MailboxData(MailboxDatum::Exists(_)));
                        hear(other);
                    }
                }
            }
        };
        tokio::time::timeout(patience, asking).await.map_err(|_| Fault::Silent)?
    }

    /// Opens a mailbox for reading only.
    pub(crate) async fn examine(&mut self, mailbox: &str) -> Result<Selected, Fault> {
        let (mut uid_validity, mut uid_next, mut exists) = (None, None, 0);
        let command = format!("EXAMINE {}", name::mailbox(mailbox));
        self.ask(&command, 0, |response| match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => exists = *count,
            Response::Data { outcome, .. } | Response::Done { outcome, .. } => match outcome.code {
                Some(ResponseCode::UidValidity(number)) => uid_validity = Some(number),
                Some(ResponseCode::UidNext(number)) => uid_next = Some(number),
                _ => {}
            },
            _ => {}
        })
        .await?;
        // What comes from here on is told once: who reads meanwhile hears of it, and nobody else.
        self.told = false;
        let uid_validity = uid_validity.ok_or(Fault::Unreadable)?;
        let uid_next = match uid_next {
            Some(uid_next) => uid_next,
            // RFC 3501 lets a server say nothing of it.
            None => self.metas("*").await?.last().map_or(1, |meta| meta.uid + 1),
        };
        Ok(Selected { uid_validity, uid_next, exists })
    }

    /// Returns the numbers of mails from one on, up to another, and received about a day before `since` or later, where these
    /// are given; in order.
    pub(crate) async fn uids(
        &mut self,
        first: u32,
        last: Option<u32>,
        since: Option<NaiveDate>,
    ) -> Result<Vec<u32>, Fault> {
        let last_text = last.map_or("*".to_owned(), |last| last.to_string());
        // Days are the server's, wherever it is.
        let since = since.and_then(|day| day.pred_opt());
        let since = since.map(|day| format!(" SINCE {}", day.format("%-d-%b-%Y"))).unwrap_or_default();
        let mut found = Vec::new();
        self.ask(&format!("UID SEARCH UID {first}:{last_text}{since}"), 0, |response| {
            if let Response::MailboxData(MailboxDatum::Search(numbers)) = response {
                found.extend_from_slice(numbers);
            }
        })
        .await?;
        // `7:*` is the last mail, whatever its number, where none is above.
        found.retain(|uid| *uid >= first && last.is_none_or(|last| *uid <= last));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Returns what is known of mails; those that are gone are left out.
    pub(crate) async fn metas(&mut self, set: &str) -> Result<Vec<Meta>, Fault> {
        self.metas_by("UID FETCH", set).await
    }

    /// Returns what is known of the mails that came into the open mailbox last, in order: so many, or as many as there are.
    pub(crate) async fn latest(&mut self, mailbox: Selected, count: usize) -> Result<Vec<Meta>, Fault> {
        let last = mailbox.exists;
        if last == 0 {
            return Ok(Vec::new());
        }
        // By their places in the mailbox: the list of all numbers may be of millions.
        let first = last.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX)).saturating_add(1);
        self.metas_by("FETCH", &format!("{first}:{last}")).await
    }

    async fn metas_by(&mut self, fetch: &str, set: &str) -> Result<Vec<Meta>, Fault> {
        let mut metas: Vec<Meta> = Vec::new();
        self.ask(&format!("{fetch} {set} (UID RFC822.SIZE INTERNALDATE)"), 0, |response| {
            let Response::Fetch(_, attributes) = response else { return };
            let (mut uid, mut size, mut received) = (None, None, None);
            for attribute in attributes {
                match attribute {
                    AttributeValue::Uid(number) => uid = Some(*number),
                    AttributeValue::Rfc822Size(bytes) => size = Some(u64::from(*bytes)),
                    AttributeValue::InternalDate(text) => received = parse_date(text),
                    _ => {}
                }
            }
            // News about other mails come between.
            if let (Some(uid), Some(size)) = (uid, size) {
                metas.push(Meta { uid, size, received });
            }
        })
        .await?;
        metas.sort_unstable_by_key(|meta| meta.uid);
        metas.dedup_by_key(|meta| meta.uid);
        Ok(metas)
    }

    /// Reads mails, or their headers only, without marking them as read; those that are gone are left out.
    pub(crate) async fn read(
        &mut self,
        uids: &[u32],
        bytes: u64,
        headers_only: bool,
    ) -> Result<Vec<(u32, Vec<u8>)>, Fault> {
        let what = if headers_only { "BODY.PEEK[HEADER]" } else { "BODY.PEEK[]" };
        let mut mails = Vec::new();
        let command = format!("UID FETCH {} (UID {what})", set(uids));
        let asked = self.ask(&command, bytes, |response| {
            let Response::Fetch(_, attributes) = response else { return };
            let (mut uid, mut content) = (None, None);
            for attribute in attributes {
                match attribute {
                    AttributeValue::Uid(number) => uid = Some(*number),
                    AttributeValue::BodySection { section, data: Some(data), .. } => {
                        let header = Some(SectionPath::Full(MessageSection::Header));
                        let wanted = if headers_only { *section == header } else { section.is_none() };
                        if wanted {
                            content = Some(data.to_vec());
                        }
                    }
                    _ => {}
                }
            }
            if let (Some(uid), Some(content)) = (uid, content) {
                mails.push((uid, content));
            }
        });
        match asked.await {
            // Servers refuse the whole when one of many is gone; what they gave is whole all the same.
            Ok(()) | Err(Fault::No(_)) => Ok(mails),
            Err(fault) => Err(fault),
        }
    }

    /// Waits until the server tells of a change, or for so long. A server that cannot tell is asked after the wait.
    pub(crate) async fn news(mut self, longest: Duration) -> Result<Self, Fault> {
        if std::mem::take(&mut self.told) {
            return Ok(self);
        }
        if !self.idles {
            tokio::time::sleep(longest).await;
            return Ok(self);
        }
        let told = self.inner.unsolicited_responses.clone();
        while told.try_recv().is_ok() {}
        self.inner.as_mut().allow(SOME);
        let mut idle = self.inner.idle();
        within(self.patience, idle.init()).await?;
        // What came since the last look may be told before the server says that it idles.
        let mut woken = false;
        while let Ok(response) = told.try_recv() {
            woken |= !matches!(response, UnsolicitedResponse::Other(_));
        }
        if !woken {
            let (wait, stop) = idle.wait_with_timeout(longest);
            // The library's own limit begins anew whenever the server says that it is still there.
            let _ = tokio::time::timeout(longest, wait).await;
            // Dropped any earlier, it would end the wait.
            drop(stop);
        }
        // Whether the connection still stands shows here.
        let inner = within(self.patience, idle.done()).await?;
        Ok(Self { inner, ..self })
    }
}

/// Writes numbers as IMAP takes many.
pub(crate) fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok().map(|date| date.to_utc())
}
