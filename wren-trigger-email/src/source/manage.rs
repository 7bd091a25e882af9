//! From the triggers that are deployed to the accounts that are served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use wren_core::model::Trigger;
use wren_core::source::EventSink;
use wren_core::{Error, OwnerId, Result};

use super::rules::{self, Rules};
use super::serve::Service;
use super::served::Served;
use super::{Context, Place};

type Account = (OwnerId, String);

/// Serves the accounts that triggers name until `shutdown`. Its tasks end with it, dropped or not.
pub(super) async fn run(context: &Arc<Context>, sink: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()> {
    let mut tasks = JoinSet::new();
    let mut served: BTreeMap<Account, watch::Sender<Rules>> = BTreeMap::new();
    let mut known: Vec<Trigger> = Vec::new();
    while !shutdown.is_cancelled() {
        let changes = sink.changes();
        let wanting = match sink.triggers().await {
            Ok(triggers) => Ok(Served::new(context).of(triggers).await),
            Err(error) => Err(error),
        };
        match wanting {
            Ok(triggers) if triggers == known => {
                // Whoever waits to hear so deals with mails that came after a change.
                for rules in served.values() {
                    rules.send_if_modified(|rules| std::mem::replace(&mut rules.changes, changes) != changes);
                }
            }
            Ok(triggers) => {
                let accounts = rules::by_account(&triggers, changes);
                context.health.show(places(&accounts));
                update(context, &sink, &shutdown, accounts, &mut served, &mut tasks);
                known = triggers;
            }
            // What was served stays so.
            Err(error) => tracing::warn!(error = error.chain(), "the email triggers cannot be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(context.options.look) => {}
            () = sink.changed(changes) => {}
            // Each ends at the shutdown only.
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    return Err(Error::internal("serving a mail account panicked", error));
                }
            }
            () = shutdown.cancelled() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

fn update(
    context: &Arc<Context>,
    sink: &Arc<dyn EventSink>,
    shutdown: &CancellationToken,
    mut accounts: BTreeMap<Account, Rules>,
    served: &mut BTreeMap<Account, watch::Sender<Rules>>,
    tasks: &mut JoinSet<()>,
) {
    for (account, rules) in &*served {
        // An account that no trigger names has no rules; its service waits for others.
        rules.send_replace(accounts.remove(account).unwrap_or_default());
    }
    for ((owner, account), wanted) in accounts {
        let (sender, receiver) = watch::channel(wanted);
        let service = Service {
            context: Arc::clone(context),
            sink: Arc::clone(sink),
            owner: owner.clone(),
            account: account.clone(),
        };
        tasks.spawn(service.run(receiver, shutdown.clone()));
        served.insert((owner, account), sender);
    }
}

fn places(accounts: &BTreeMap<Account, Rules>) -> BTreeSet<Place> {
    let each = accounts
        .iter()
        .flat_map(|((owner, account), rules)| rules.by_mailbox.keys().map(move |mailbox| (owner, account, mailbox)));
    each.map(|(owner, account, mailbox)| Place {
        owner: owner.clone(),
        account: account.clone(),
        mailbox: mailbox.clone(),
    })
    .collect()
}
