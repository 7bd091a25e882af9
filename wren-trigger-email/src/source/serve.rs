//! Serving one account: who holds its lease watches its mailboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use wren_core::OwnerId;
use wren_core::source::{EventSink, WatchState};

use super::cursor::Kept;
use super::lease::Lease;
use super::rules::{Filters, Rules};
use super::watch::Watch;
use super::{Context, Place};

/// An account to serve.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) context: Arc<Context>,
    pub(super) sink: Arc<dyn EventSink>,
    pub(super) owner: OwnerId,
    pub(super) account: String,
}

/// A mailbox that is being watched.
struct Watched {
    filters: watch::Sender<Filters>,
    /// Nobody wants it any more.
    unwanted: CancellationToken,
    /// It is watched no more, and what was to be forgotten is.
    ended: CancellationToken,
}

impl Service {
    /// Serves the account whenever triggers name it and no other node does, until `stop`.
    pub(super) async fn run(self, mut rules: watch::Receiver<Rules>, stop: CancellationToken) {
        loop {
            tokio::select! {
                wanted = rules.wait_for(|rules| !rules.by_mailbox.is_empty()) => if wanted.is_err() { return },
                () = stop.cancelled() => return,
            }
            let taken = tokio::select! {
                taken = Lease::take(&self.context, &self.owner, &self.account) => taken,
                () = stop.cancelled() => return,
            };
            let state = match taken {
                Ok(Some(mut lease)) => {
                    let held = stop.child_token();
                    tokio::join!(lease.keep(&held), self.serve(&mut rules, &held));
                    lease.release().await;
                    self.show(&rules, WatchState::Elsewhere);
                    continue;
                }
                Ok(None) => WatchState::Elsewhere,
                Err(error) => {
                    tracing::warn!(
                        account = self.account,
                        error = error.chain(),
                        "the lease of a mail account cannot be taken"
                    );
                    WatchState::Waiting
                }
            };
            self.show(&rules, state);
            tokio::select! {
                () = tokio::time::sleep(self.context.options.lease / 3) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Watches the mailboxes that triggers name while the lease is held and there are any.
    async fn serve(&self, rules: &mut watch::Receiver<Rules>, held: &CancellationToken) {
        let mut watched: BTreeMap<String, Watched> = BTreeMap::new();
        // Those that nobody wants are on their way to their ends, and begin anew only after these.
        let mut ending: BTreeMap<String, CancellationToken> = BTreeMap::new();
        let mut tasks = JoinSet::new();
        loop {
            let Rules { by_mailbox: wanted, changes } = rules.borrow_and_update().clone();
            watched.retain(|mailbox, one| {
                let stays = wanted.contains_key(mailbox);
                if !stays {
                    one.unwanted.cancel();
                    ending.insert(mailbox.clone(), one.ended.clone());
                }
                stays
            });
            for (mailbox, triggers) in &wanted {
                let filters = Filters { mailbox: triggers.clone(), changes };
                if let Some(one) = watched.get(mailbox) {
                    one.filters.send_replace(filters);
                    continue;
                }
                let (sender, receiver) = watch::channel(filters);
                let (unwanted, ended) = (held.child_token(), CancellationToken::new());
                let watching = self.clone().watch(mailbox.clone(), receiver, unwanted.clone(), held.clone());
                let (before, end) = (ending.remove(mailbox), ended.clone().drop_guard());
                tasks.spawn(async move {
                    let _end = end;
                    if let Some(before) = before {
                        before.cancelled().await;
                    }
                    watching.await;
                });
                watched.insert(mailbox.clone(), Watched { filters: sender, unwanted, ended });
            }
            if wanted.is_empty() {
                while tasks.join_next().await.is_some() {}
                held.cancel();
                return;
            }
            tokio::select! {
                changed = rules.changed() => if changed.is_err() { held.cancel() },
                ended = tasks.join_next() => {
                    if ended.is_some_and(|ended| ended.is_err_and(|error| error.is_panic())) {
                        // The lease is given up and taken anew, and with it every mailbox.
                        tracing::error!(account = self.account, "watching a mailbox panicked; the account is begun anew");
                        held.cancel();
                    }
                }
                () = held.cancelled() => {}
            }
            if held.is_cancelled() {
                while tasks.join_next().await.is_some() {}
                return;
            }
        }
    }

    async fn watch(
        self,
        mailbox: String,
        filters: watch::Receiver<Filters>,
        unwanted: CancellationToken,
        held: CancellationToken,
    ) {
        let place = self.place(&mailbox);
        let watch = Watch::new(Arc::clone(&self.context), place.clone(), Arc::clone(&self.sink), filters);
        watch.run(&unwanted).await;
        // Unwanted itself, not with the lease or the process.
        if !held.is_cancelled()
            && let Err(error) = Kept::forget(&self.context, &place).await
        {
            tracing::warn!(mailbox, error = error.chain(), "a mailbox that is watched no more cannot be forgotten");
        }
    }

    fn show(&self, rules: &watch::Receiver<Rules>, state: WatchState) {
        for mailbox in rules.borrow().by_mailbox.keys() {
            self.context.health.state(&self.place(mailbox), state);
        }
    }

    fn place(&self, mailbox: &str) -> Place {
        Place { owner: self.owner.clone(), account: self.account.clone(), mailbox: mailbox.to_owned() }
    }
}
