//! What past mails would have done: a look beside the watch, which leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wren_core::source::{PastEvent, PastEvents, Preview, PreviewOptions, WatchError};
use wren_core::{Error, ErrorCode, OwnerId};

use super::account::Account;
use super::arguments::Arguments;
use super::event::Read;
use super::reading::Reader;
use super::retry::Trouble;
use super::{Context, Place};
use crate::filter::Filter;
use crate::imap::Session;

/// How many accounts are looked into at once.
const AT_ONCE: usize = 4;

/// The triggers of a mailbox, by their places in the request.
#[derive(Debug, Default)]
struct Asking {
    triggers: Vec<usize>,
    filters: Vec<Filter>,
}

/// Says what the newest mails of the mailboxes that triggers name would have done.
pub(super) async fn preview(context: &Arc<Context>, options: &PreviewOptions) -> Vec<Preview> {
    let mut answers: Vec<Option<Preview>> = vec![None; options.configs.len()];
    let mut accounts: BTreeMap<String, BTreeMap<String, Asking>> = BTreeMap::new();
    for (trigger, config) in options.configs.iter().enumerate() {
        match Arguments::read(config) {
            Ok(Arguments { account, mailbox, filter }) => {
                let asking = accounts.entry(account).or_default().entry(mailbox).or_default();
                asking.triggers.push(trigger);
                asking.filters.push(filter);
            }
            Err(faults) => answers[trigger] = faults.first().map(|fault| unreadable(context, fault)),
        }
    }
    let until = Instant::now() + context.options.preview;
    let looks = accounts.into_iter().map(|(account, mailboxes)| {
        let look = Look { context, owner: &options.owner, account, last: options.last, until };
        look.look_at_account(mailboxes)
    });
    let looks: Vec<Vec<(usize, Preview)>> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    for (trigger, preview) in looks.into_iter().flatten() {
        answers[trigger] = Some(preview);
    }
    // Each config is one of a mailbox or unreadable.
    answers.into_iter().flatten().collect()
}

/// The answer for a config that `validate` finds fault with.
fn unreadable(context: &Context, fault: &Error) -> Preview {
    let error = WatchError::new(fault, context.clock.now());
    Preview { account: String::new(), place: String::new(), outcome: Err(error) }
}

/// A look into one account.
struct Look<'a> {
    context: &'a Arc<Context>,
    owner: &'a OwnerId,
    account: String,
    last: usize,
    until: Instant,
}

impl Look<'_> {
    /// Looks into the account's mailboxes, one after the other: servers let an account have few connections.
    async fn look_at_account(self, mailboxes: BTreeMap<String, Asking>) -> Vec<(usize, Preview)> {
        let mut entered: Option<(Account, Session)> = None;
        // Why nobody gets in. It is not tried again for the next mailbox: servers lock out who is refused too often.
        let mut shut: Option<WatchError> = None;
        let mut answers = Vec::new();
        for (mailbox, Asking { triggers, filters }) in mailboxes {
            let place = Place { owner: self.owner.clone(), account: self.account.clone(), mailbox };
            let mut seen = vec![PastEvents::default(); filters.len()];
            if entered.is_none() && shut.is_none() {
                match self.in_time(&place, self.enter(&place)).await {
                    Ok(session) => entered = Some(session),
                    Err(trouble) => shut = Some(self.shown(&place, &trouble)),
                }
            }
            let outcome = match (&shut, &mut entered) {
                (None, Some(session)) => {
                    let ended = timeout_at(self.until, self.look_at_mailbox(session, &place, filters, &mut seen)).await;
                    let is_open =
                        matches!(&ended, Ok(Ok(()))) || matches!(&ended, Ok(Err(trouble)) if is_closed(trouble));
                    if !is_open {
                        // What the server says next belongs to the question that was not heard to its end.
                        entered = None;
                    }
                    match ended {
                        Ok(Ok(())) => Ok(true),
                        Ok(Err(trouble)) => Err(self.shown(&place, &trouble)),
                        Err(_) if seen.iter().any(|seen| !seen.events.is_empty()) => Ok(false),
                        Err(_) => Err(self.shown(&place, &late(&place))),
                    }
                }
                (Some(error), _) => Err(error.clone()),
                (None, None) => Err(self.shown(&place, &late(&place))),
            };
            for (trigger, seen) in triggers.into_iter().zip(seen) {
                let outcome = outcome.clone().map(|is_complete| PastEvents { is_complete, ..seen });
                let (account, place) = (place.account.clone(), place.mailbox.clone());
                answers.push((trigger, Preview { account, place, outcome }));
            }
        }
        answers
    }

    async fn enter(&self, place: &Place) -> Result<(Account, Session), Trouble> {
        let account = Account::load(self.context, place).await?;
        let session = account.enter(self.context, place).await?;
        Ok((account, session))
    }

    /// Reads the newest mails, the newest first, and judges each by every filter. What was seen before it fails or is dropped
    /// stays.
    async fn look_at_mailbox(
        &self,
        (account, session): &mut (Account, Session),
        place: &Place,
        filters: Vec<Filter>,
        seen: &mut [PastEvents],
    ) -> Result<(), Trouble> {
        let reader = Reader::open(self.context, place, session, account).await?;
        let latest = session.latest(reader.mailbox(), self.last).await;
        let mut metas = latest.map_err(|fault| reader.trouble(fault))?;
        metas.reverse();
        let filters = Arc::new(filters);
        // Rules may take their time over a mail; when nobody waits for them any more they end with the one that they are at.
        let unheard = CancellationToken::new();
        let _heard = unheard.clone().drop_guard();
        for some in metas.chunks(self.context.options.batch) {
            for group in reader.groups(some.to_vec()) {
                let mails = reader.read(session, &group).await?;
                let judge = Judge {
                    context: Arc::clone(self.context),
                    place: place.clone(),
                    filters: Arc::clone(&filters),
                    unheard: unheard.clone(),
                };
                let judged = tokio::task::spawn_blocking(move || judge.judge(&mails)).await;
                let judged = judged.map_err(|error| Error::internal("judging past mails ended early", error))?;
                for (seen, events) in seen.iter_mut().zip(judged) {
                    seen.events.extend(events);
                }
            }
        }
        Ok(())
    }

    async fn in_time<T>(&self, place: &Place, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        if Instant::now() >= self.until {
            return Err(late(place));
        }
        timeout_at(self.until, work).await.unwrap_or_else(|_| Err(late(place)))
    }

    /// Takes what may be shown out of an error, and leaves the rest to the log.
    fn shown(&self, place: &Place, trouble: &Trouble) -> WatchError {
        let Place { owner, account, mailbox } = place;
        let error = trouble.error.chain();
        tracing::info!(%owner, account, mailbox, error, "the past mails of a mailbox cannot be looked at");
        WatchError::new(&trouble.error, self.context.clock.now())
    }
}

/// Says whether it is one mailbox that cannot be opened, while the connection stands.
fn is_closed(trouble: &Trouble) -> bool {
    trouble.error.code() == ErrorCode::NotFound
}

fn late(place: &Place) -> Trouble {
    let message = format!("there was no time to look at the mailbox `{}`", place.mailbox);
    let error = Error::new(ErrorCode::Internal, message).with_retryable(true);
    error.with_hint("ask for fewer mails with `last`, or for fewer mailboxes at once").into()
}

/// What mails are judged by.
struct Judge {
    context: Arc<Context>,
    place: Place,
    filters: Arc<Vec<Filter>>,
    unheard: CancellationToken,
}

impl Judge {
    /// Returns for each filter what it makes of the mails.
    fn judge(&self, mails: &[Read]) -> Vec<Vec<PastEvent>> {
        let now = self.context.clock.now();
        let mailbox = self.place.mailbox.as_str();
        let mut judged = vec![Vec::with_capacity(mails.len()); self.filters.len()];
        for read in mails {
            let mut summary = read.mail.summary();
            summary.insert("mailbox".to_owned(), mailbox.into());
            summary.insert("size".to_owned(), read.meta.size.into());
            // Of one that is too large the rules, too, see the header alone.
            summary.insert("truncated".to_owned(), read.truncated.into());
            let summary = Arc::new(summary);
            for (filter, judged) in self.filters.iter().zip(&mut judged) {
                if self.unheard.is_cancelled() {
                    return Vec::new();
                }
                let failed = filter.failing(&read.mail, mailbox);
                judged.push(PastEvent {
                    at: read.received(now),
                    summary: Arc::clone(&summary),
                    matches: failed.is_empty(),
                    failed,
                });
            }
        }
        judged
    }
}
