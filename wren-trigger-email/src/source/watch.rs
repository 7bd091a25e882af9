//! Watching one mailbox, for ever.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wren_core::source::{EventSink, WatchState};
use wren_core::{Error, ErrorCode};

use super::account::{Account, Versions};
use super::backoff::Backoff;
use super::cursor::Kept;
use super::reading::Reader;
use super::retry::Trouble;
use super::rules::Filters;
use super::{Context, Place};
use crate::filter::FilterIndex;

/// Servers may end a connection that says nothing for 30 minutes.
const LONGEST_IDLE: Duration = Duration::from_secs(28 * 60);

/// How many failures in a row are many for a mailbox that was never looked at.
const MANY: u32 = 5;

/// The versions of an account's own credential and of the other one that it needs, where the vault could be asked.
type Baseline = (Option<Option<u64>>, Option<Option<u64>>);

/// A mailbox that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) context: Arc<Context>,
    pub(super) place: Place,
    pub(super) sink: Arc<dyn EventSink>,
    filters: watch::Receiver<Filters>,
}

impl Watch {
    pub(super) fn new(
        context: Arc<Context>,
        place: Place,
        sink: Arc<dyn EventSink>,
        filters: watch::Receiver<Filters>,
    ) -> Self {
        Self { context, place, sink, filters }
    }

    /// Watches until `stop`, whatever happens.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let options = &self.context.options;
        let mut backoff = Backoff::new(options.first_wait, options.longest_wait);
        // Whether it has never gone well, often enough that a server which is away for a while does not explain it.
        let (mut failures, mut hopeless) = (0, false);
        while !stop.is_cancelled() {
            let mut oauth = None;
            let before = self.versions(None).await;
            let trouble = tokio::select! {
                ended = self.live(&mut backoff, &mut failures, &mut oauth) => match ended {
                    Err(trouble) => trouble,
                    Ok(never) => match never {},
                },
                () = stop.cancelled() => return,
            };
            // Before anybody hears of the failure, and may mend it. A token that was renewed in vain changes nothing after this.
            let after = self.versions(oauth.as_deref()).await;
            let baseline = (before.map(|(own, _)| own), after.map(|(_, other)| other));
            failures += 1;
            trouble.log(&self.place, failures);
            let health = &self.context.health;
            if failures == 1 {
                hopeless = false;
            } else if failures == MANY {
                hopeless = Kept::load(&self.context, &self.place).await.is_ok_and(|kept| kept.is_none());
            }
            health.failed(&self.place, &trouble.error, trouble.state(failures, hopeless), self.context.clock.now());
            let wait = backoff.next();
            tokio::select! {
                () = self.wait(&trouble, wait, baseline, oauth.as_deref()) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Returns the filters for mails that have been read: of triggers that were deployed before they came, none is missing.
    pub(super) async fn filters(&self) -> Result<Arc<FilterIndex>, Trouble> {
        let changes = self.sink.changes();
        let mut filters = self.filters.clone();
        let newest = filters.wait_for(|filters| filters.changes >= changes);
        let found = tokio::time::timeout(self.context.options.patience, newest).await;
        let unread = || Error::new(ErrorCode::StoreUnavailable, "the triggers could not be read in time").into();
        match found.map(|found| found.map(|filters| Arc::clone(&filters.mailbox.index)).ok()) {
            Ok(Some(index)) => Ok(index),
            // Without a sender there is nobody who wants the mailbox; this is being stopped.
            Ok(None) => std::future::pending().await,
            Err(_) => Err(unread()),
        }
    }

    /// Returns when the first of the triggers was deployed.
    pub(super) fn since(&self) -> DateTime<Utc> {
        self.filters.borrow().mailbox.since
    }

    /// Connects, deals with what is new, and waits for more, until something goes wrong.
    async fn live(
        &self,
        backoff: &mut Backoff,
        failures: &mut u32,
        oauth: &mut Option<String>,
    ) -> Result<Infallible, Trouble> {
        let (context, place) = (&self.context, &self.place);
        loop {
            context.health.state(place, WatchState::Connecting);
            let versions = self.versions(None).await;
            let account = Account::load(context, place).await?;
            *oauth = account.oauth().map(str::to_owned);
            let host = &account.endpoint.host;
            let mut session = account.enter(context, place).await?;
            // Who changes the account wants another one to be watched. An access token changes by itself.
            while versions.is_none() || self.versions(None).await == versions {
                context.health.state(place, WatchState::Polling);
                let reader = Reader::open(context, place, &mut session, &account).await?;
                self.sync(&mut session, reader).await?;
                backoff.reset();
                *failures = 0;
                context.health.succeeded(place, context.clock.now());
                context.health.state(place, WatchState::Idle);
                let longest = context.options.poll.min(LONGEST_IDLE);
                session = session.news(longest).await.map_err(|fault| Trouble::fault(fault, host))?;
            }
        }
    }

    /// Waits before the next try. A credential that differs from what it was cuts the wait short.
    async fn wait(&self, trouble: &Trouble, backoff: Duration, was: Baseline, oauth: Option<&str>) {
        let options = &self.context.options;
        let longest = if trouble.refused { options.refused_wait } else { backoff };
        let began = tokio::time::Instant::now();
        while began.elapsed() < longest {
            if let Some((own, other)) = self.versions(oauth).await
                && (was.0.is_some_and(|was| was != own) || was.1.is_some_and(|was| was != other))
            {
                return;
            }
            tokio::time::sleep(options.look.min(longest.saturating_sub(began.elapsed()))).await;
        }
    }

    /// Returns the versions of the account's credentials; `None` when the vault cannot be asked.
    async fn versions(&self, oauth: Option<&str>) -> Option<Versions> {
        Account::versions(&self.context, &self.place, oauth).await.ok()
    }
}
