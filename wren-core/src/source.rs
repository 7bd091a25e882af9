//! The `TriggerSource` seam: what turns the outside world's events into fires.

mod health;
mod inbound;
mod preview;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

pub use health::{AccountHealth, WatchError, WatchState, Watched};
pub use inbound::{Delivered, InboundDelivery, InboundMail, MAX_DELIVERY_ID, MAX_INBOUND_BYTES, OpenedAddress};
pub(crate) use preview::check_last;
pub use preview::{DEFAULT_PREVIEW_EVENTS, MAX_PREVIEW_EVENTS, PastEvent, PastEvents, Preview, PreviewOptions};

use crate::error::{Error, Result};
use crate::id::TriggerId;
use crate::model::{Trigger, TriggerKind};
use crate::store::RecordWrite;

/// Something that happened outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceEvent {
    /// The trigger it fires.
    pub trigger_id: TriggerId,
    /// Names the event: the same event seen twice has the same key. At most 512 bytes.
    pub dedupe_key: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What the handler gets.
    pub payload: Value,
}

/// Events, and how far the source has come with them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Emission {
    /// What happened.
    pub events: Vec<SourceEvent>,
    /// Records to write in the transaction that records the events: the source's cursor, which then never stands before an
    /// event that was recorded nor after one that was not.
    pub records: Vec<RecordWrite>,
}

impl Emission {
    /// Sets the records to write with the events.
    #[must_use]
    pub fn with_records(mut self, records: Vec<RecordWrite>) -> Self {
        self.records = records;
        self
    }
}

impl From<Vec<SourceEvent>> for Emission {
    fn from(events: Vec<SourceEvent>) -> Self {
        Self { events, records: Vec::new() }
    }
}

/// Takes events from a source.
#[async_trait]
pub trait EventSink: fmt::Debug + Send + Sync + 'static {
    /// Records events durably, each at most once per (trigger, dedupe key), and writes the records with them: all of it or
    /// nothing. Events that were recorded before do not keep the records from being written. A source whose cursor lives
    /// elsewhere moves it on only after this returned `Ok`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`: it is unknown whether it happened, and the source goes on from the cursor that it then reads.
    /// `CONFLICT` when a record is not as expected, since another process was there first; nothing was recorded.
    /// `INVALID_REQUEST` for a dedupe key that is too long; nothing was recorded.
    async fn emit(&self, emission: Emission) -> Result<()>;

    /// Returns the triggers the source serves now.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    async fn triggers(&self) -> Result<Vec<Trigger>>;

    /// Returns how often they have changed, as far as this process knows: of triggers that were read after it was asked nothing
    /// is missing that was deployed before, here or, a moment later, on another node.
    fn changes(&self) -> u64;

    /// Waits until they have changed more often than that.
    async fn changed(&self, than: u64);
}

/// Watches for events of one kind.
#[async_trait]
pub trait TriggerSource: fmt::Debug + Send + Sync + 'static {
    /// Returns the kind of trigger it serves.
    fn kind(&self) -> TriggerKind;

    /// Returns everything that is wrong with a trigger's config, each with the hint that mends it; location is added by
    /// the pipeline, at the argument that the detail `argument` names. The config holds the source's own arguments only:
    /// the policy of the runs is read by the pipeline.
    fn validate(&self, config: &Map<String, Value>) -> Vec<Error>;

    /// Returns what a trigger has it watch; `None` where there is nothing to tell apart, where its events come by another way,
    /// and for a config that cannot be read.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    async fn watched(&self, trigger: &Trigger) -> Result<Option<Watched>>;

    /// Returns how all that it watches is doing; empty where there is nothing to tell apart.
    fn health(&self) -> Vec<AccountHealth>;

    /// Says what triggers would have done with the events that came last, for whoever is about to deploy them: one answer for
    /// each config, in their order. `None` from a source whose events leave nothing behind to look at.
    ///
    /// It MUST NOT change what it looks at, move a cursor or need what a watch holds: it may be called while this source
    /// watches the same place, here or in another process, and when nothing is deployed. It ends by itself, within a minute,
    /// with what it has seen until then. One place that several configs name is looked at once; one that cannot be is an
    /// answer of its own beside the others, with the error that a watch would show.
    async fn preview(&self, options: PreviewOptions) -> Option<Vec<Preview>>;

    /// Watches until `shutdown`. The engine starts it again, with backoff, when it returns before.
    ///
    /// # Errors
    /// What stopped it; shown in status.
    async fn run(&self, sink: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()>;
}
