//! Which triggers want a mailbox.
//!
//! Mail comes to a trigger from its mailbox, or is handed over to its deployment's address. A trigger that names no account, of an
//! owner who has none of the usual name, wants no mailbox once its deployment has an address: nothing is missing then.

use std::collections::HashMap;
use std::sync::Arc;

use wren_core::model::Trigger;
use wren_core::source::Watched;
use wren_core::{OwnerId, Result};

use super::Context;
use super::arguments::{self, ACCOUNT};
use crate::inbound::InboundAddresses;

/// Answers for many triggers at one time.
pub(super) struct Served<'a> {
    context: &'a Context,
    addresses: InboundAddresses,
    /// Whether an owner has an account of the usual name.
    accounts: HashMap<OwnerId, bool>,
}

impl<'a> Served<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        let addresses = InboundAddresses::new(Arc::clone(&context.records), Arc::clone(&context.vault));
        Self { context, addresses, accounts: HashMap::new() }
    }

    /// Returns the mailbox that a trigger wants.
    pub(super) async fn by(&mut self, trigger: &Trigger) -> Result<Option<Watched>> {
        let Ok(watched) = arguments::watched(&trigger.spec.config) else { return Ok(None) };
        Ok((!self.is_handed_over(trigger).await?).then_some(watched))
    }

    /// Returns those of the triggers that want a mailbox. One of which that cannot be said is among them, and keeps no other
    /// from its mails.
    pub(super) async fn of(&mut self, triggers: Vec<Trigger>) -> Vec<Trigger> {
        let mut wanting = Vec::with_capacity(triggers.len());
        for trigger in triggers {
            let handed_over = self.is_handed_over(&trigger).await.unwrap_or_else(|error| {
                tracing::warn!(trigger = %trigger.id, error = error.chain(), "whether a trigger wants a mailbox is not known");
                false
            });
            if !handed_over {
                wanting.push(trigger);
            }
        }
        wanting
    }

    async fn is_handed_over(&mut self, trigger: &Trigger) -> Result<bool> {
        Ok(!trigger.spec.config.contains_key("account")
            && !self.has_account(&trigger.owner).await?
            && self.addresses.is_open(&trigger.owner, trigger.deployment_id, self.context.clock.now()).await?)
    }

    async fn has_account(&mut self, owner: &OwnerId) -> Result<bool> {
        if let Some(has) = self.accounts.get(owner) {
            return Ok(*has);
        }
        let has = self.context.vault.status(owner, ACCOUNT, self.context.clock.now()).await?.is_some();
        self.accounts.insert(owner.clone(), has);
        Ok(has)
    }
}
