//! What a delivery fires.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use wren_core::clock::Clock;
use wren_core::engine::Engine;
use wren_core::model::{DeploymentStatus, Trigger, TriggerKind};
use wren_core::source::{Delivered, Emission, EventSink, InboundDelivery, InboundMail, OpenedAddress, SourceEvent};
use wren_core::store::{Expect, Namespace, PutOptions, RecordStore, RecordWrite, Store};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result, TriggerId};

use super::content::mail_of;
use super::signature::Signature;
use super::{InboundAddress, InboundAddresses, audit};
use crate::filter::FilterIndex;
use crate::mail::{Mail, MailLimits};
use crate::source::Arguments;

/// How long a delivery is known by its name.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);
/// The mailbox that handed-over mail counts as being in.
const MAILBOX: &str = "INBOX";

/// Mail that is handed over in requests, for the email triggers of the deployment that its address belongs to.
#[derive(Clone)]
pub struct InboundEmail {
    addresses: InboundAddresses,
    store: Arc<dyn Store>,
    sink: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
    limits: Arc<MailLimits>,
}

impl fmt::Debug for InboundEmail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InboundEmail").finish_non_exhaustive()
    }
}

/// What is kept of a delivery.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    triggers: Vec<TriggerId>,
}

impl InboundEmail {
    /// Fires the triggers of an engine, with addresses in its store and secrets in its vault.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        let store = Arc::clone(engine.store());
        let records: Arc<dyn RecordStore> = Arc::<dyn Store>::clone(&store);
        Self {
            addresses: InboundAddresses::new(records, Arc::clone(engine.vault())),
            store,
            sink: engine.sink(TriggerKind::Email),
            clock: Arc::clone(engine.clock()),
            limits: Arc::default(),
        }
    }

    /// Sets how much of a mail is read.
    #[must_use]
    pub fn with_limits(mut self, limits: MailLimits) -> Self {
        self.limits = Arc::new(limits);
        self
    }

    /// Returns the address of a delivery that is signed as it should be, with the triggers that its mail may fire; or why it
    /// is refused.
    async fn verified(
        &self,
        delivery: &InboundDelivery,
        now: DateTime<Utc>,
    ) -> Result<Result<(InboundAddress, Vec<Trigger>), &'static str>> {
        let Some(signature) = Signature::parse(&delivery.signature) else { return Ok(Err("the signature is none")) };
        if !signature.is_timely(now) {
            return Ok(Err("the signature is of another time"));
        }
        if delivery.id.contains('.') {
            return Ok(Err("the delivery's name has a dot"));
        }
        let Some(address) = self.addresses.find(&delivery.address, now).await? else {
            // As long as for an address that exists: a body of many megabytes is not hashed in no time.
            let _ = signature.is_of(delivery, &SecretString::from("none"));
            return Ok(Err("there is no such address"));
        };
        let secrets = self.addresses.secrets(&address, now).await?;
        if !secrets.iter().fold(false, |found, secret| signature.is_of(delivery, secret) | found) {
            return Ok(Err("the signature is wrong"));
        }
        let deployment = match self.store.deployment(&address.owner, address.deployment_id).await {
            Ok(overview) if overview.deployment.status != DeploymentStatus::Undeployed => overview,
            Ok(_) => return Ok(Err("the deployment is undeployed")),
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(Err("the deployment is gone")),
            Err(error) => return Err(error),
        };
        Ok(Ok((address, deployment.triggers)))
    }

    /// Returns what a delivery of this name was answered with before.
    async fn remembered(&self, address: &InboundAddress, id: &str, now: DateTime<Utc>) -> Result<Option<Delivered>> {
        let Some(record) = self.store.record(&deliveries(address), id, now).await? else { return Ok(None) };
        let Remembered { triggers } = serde_json::from_slice(&record.value)
            .map_err(|error| Error::internal("a delivery's record is not readable", error))?;
        Ok(Some(Delivered { triggers }))
    }

    /// Records what the mail fires together with the delivery's name, so that neither is there without the other.
    async fn emit(&self, address: &InboundAddress, id: &str, fired: Fired, now: DateTime<Utc>) -> Result<Delivered> {
        let value = serde_json::to_vec(&Remembered { triggers: fired.triggers.clone() })
            .map_err(|error| Error::internal("encoding a delivery", error))?;
        let remember = RecordWrite {
            namespace: deliveries(address),
            key: id.to_owned(),
            value: value.into(),
            options: PutOptions::at(now).expecting(Expect::Absent).expiring(now + REMEMBERED),
        };
        let events = fired.triggers.iter().map(|&trigger_id| SourceEvent {
            trigger_id,
            dedupe_key: fired.key.clone(),
            at: now,
            payload: fired.payload.clone(),
        });
        let events: Vec<SourceEvent> = events.collect();
        self.sink.emit(Emission::from(events).with_records(vec![remember])).await?;
        Ok(Delivered { triggers: fired.triggers })
    }
}

#[async_trait]
impl InboundMail for InboundEmail {
    async fn deliver(&self, delivery: InboundDelivery) -> Result<Delivered> {
        let now = self.clock.now();
        let (address, triggers) = match self.verified(&delivery, now).await? {
            Ok(verified) => verified,
            Err(reason) => {
                audit::refused(&delivery, reason);
                return Err(refused());
            }
        };
        let id = delivery.id.as_str();
        if let Some(before) = self.remembered(&address, id, now).await? {
            audit::delivered(&address, &delivery, &before, true);
            return Ok(before);
        }
        let mail = mail_of(&delivery.content_type, delivery.body.clone())
            .await
            .inspect_err(|error| audit::refused(&delivery, error.message()))?;
        let limits = Arc::clone(&self.limits);
        // A mail of many megabytes takes its time, in which others are to be served.
        let fired = tokio::task::spawn_blocking(move || fired(&mail, &triggers, &limits))
            .await
            .map_err(|error| Error::internal("reading a mail", error))?;
        let (answer, replay) = match self.emit(&address, id, fired, now).await {
            // The same delivery came twice at once, and the other one was first.
            Err(error) if error.code() == ErrorCode::Conflict => {
                (self.remembered(&address, id, now).await?.ok_or(error)?, true)
            }
            answer => (answer?, false),
        };
        audit::delivered(&address, &delivery, &answer, replay);
        Ok(answer)
    }

    async fn open(&self, owner: &OwnerId, deployment: DeploymentId) -> Result<OpenedAddress> {
        let overview = self.store.deployment(owner, deployment).await?;
        if overview.deployment.status == DeploymentStatus::Undeployed {
            return Err(wren_core::store::is_undeployed(deployment));
        }
        self.addresses.open(owner, deployment, self.clock.now()).await
    }

    async fn close(&self, owner: &OwnerId, deployment: DeploymentId) -> Result<bool> {
        self.store.deployment(owner, deployment).await?;
        self.addresses.revoke(owner, deployment, self.clock.now()).await
    }
}

/// What a mail fires.
struct Fired {
    triggers: Vec<TriggerId>,
    key: String,
    payload: serde_json::Value,
}

fn fired(raw: &Bytes, triggers: &[Trigger], limits: &MailLimits) -> Fired {
    let mail = Mail::parse(raw, limits);
    let emails = triggers.iter().filter(|trigger| trigger.spec.kind == TriggerKind::Email);
    let filters = emails.filter_map(|trigger| match Arguments::read(&trigger.spec.source_config()) {
        Ok(Arguments { filter, .. }) => Some((trigger.id, filter)),
        // It was right when it was deployed; another version may see it otherwise.
        Err(_) => {
            tracing::warn!(trigger_id = %trigger.id, "an email trigger's filter cannot be read any more");
            None
        }
    });
    let mut triggers = FilterIndex::new(filters).matching(&mail, MAILBOX);
    triggers.sort_unstable();
    Fired { triggers, key: mail.key(), payload: mail.to_event() }
}

/// The deliveries that came to an address of late, by their names.
fn deliveries(address: &InboundAddress) -> Namespace {
    Namespace::owned(&address.owner, format!("inbound_deliveries/{}", address.address))
}

fn refused() -> Error {
    let hint = "sign `<t>.<Wren-Delivery>.<body>` with HMAC-SHA-256 under the address's secret, and send \
                `Wren-Signature: t=<unix seconds>,v1=<hex>` within five minutes";
    Error::new(ErrorCode::PermissionDenied, "the address does not take this delivery").with_hint(hint)
}
