//! Mailboxes as a source of events.
//!
//! [`EmailSource`] watches the mailboxes that triggers name, over IMAP. What it promises: a mail that came into a mailbox after
//! the first trigger that names it was deployed fires each trigger whose filter it matches once, however often this process, the
//! mail server or the connection between them ends, and however long it takes to get in, up to seven days. Mails that were there
//! before fire nothing.

mod account;
mod arguments;
mod backoff;
mod builder;
mod cursor;
mod event;
mod health;
mod lease;
mod manage;
mod options;
mod preview;
mod reading;
mod retry;
mod rules;
mod serve;
mod served;
mod sync;
mod watch;

use std::sync::Arc;

pub(crate) use arguments::Arguments;
use async_trait::async_trait;
pub use builder::EmailSourceBuilder;
pub use options::EmailOptions;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use wren_core::clock::Clock;

use wren_core::model::{Trigger, TriggerKind};
use wren_core::source::{AccountHealth, EventSink, Preview, PreviewOptions, TriggerSource, Watched};
use wren_core::store::RecordStore;
use wren_core::vault::CredentialVault;
use wren_core::{Error, OwnerId, Result};

use crate::imap::Tls;

/// Fires triggers of kind `email` from mailboxes over IMAP. Clones are one source.
#[derive(Debug, Clone)]
pub struct EmailSource {
    context: Arc<Context>,
}

/// What every part of a source needs.
#[derive(Debug)]
struct Context {
    vault: Arc<dyn CredentialVault>,
    records: Arc<dyn RecordStore>,
    clock: Arc<dyn Clock>,
    options: EmailOptions,
    tls: Tls,
    health: health::Board,
    /// Names this source among those that share the records.
    node: String,
}

/// A mailbox of an account of somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    owner: OwnerId,
    /// The name of the credential.
    account: String,
    mailbox: String,
}

impl Place {
    fn watched(&self) -> Watched {
        Watched { account: self.account.clone(), place: self.mailbox.clone() }
    }
}

impl EmailSource {
    /// Begins to put a source together: the vault has the accounts, and in the records is how far each mailbox has been read.
    pub fn builder(vault: Arc<dyn CredentialVault>, records: Arc<dyn RecordStore>) -> EmailSourceBuilder {
        EmailSourceBuilder::new(vault, records)
    }

    /// Waits until the health of the mailboxes is as wanted; returns it.
    pub async fn health_until(&self, wanted: impl Fn(&[AccountHealth]) -> bool) -> Vec<AccountHealth> {
        self.context.health.until(wanted).await
    }
}

#[async_trait]
impl TriggerSource for EmailSource {
    fn kind(&self) -> TriggerKind {
        TriggerKind::Email
    }

    fn validate(&self, config: &Map<String, Value>) -> Vec<Error> {
        Arguments::read(config).err().unwrap_or_default()
    }

    async fn watched(&self, trigger: &Trigger) -> Result<Option<Watched>> {
        served::Served::new(&self.context).by(trigger).await
    }

    fn health(&self) -> Vec<AccountHealth> {
        self.context.health.all()
    }

    async fn preview(&self, options: PreviewOptions) -> Option<Vec<Preview>> {
        Some(preview::preview(&self.context, &options).await)
    }

    async fn run(&self, sink: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()> {
        manage::run(&self.context, sink, shutdown).await
    }
}
