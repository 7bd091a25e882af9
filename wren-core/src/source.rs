//! The `TriggerSource` seam: what turns the outside world's events into fires.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::id::TriggerId;
use crate::model::{Trigger, TriggerKind};

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

/// Takes events from a source.
#[async_trait]
pub trait EventSink: fmt::Debug + Send + Sync + 'static {
    /// Records events durably, each at most once per (trigger, dedupe key). A source moves its own cursor on only after
    /// this returned `Ok`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`: the same events are to be emitted again. `INVALID_REQUEST` for a dedupe key that is too long.
    async fn emit(&self, events: Vec<SourceEvent>) -> Result<()>;

    /// Returns the triggers the source serves now.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    async fn triggers(&self) -> Result<Vec<Trigger>>;
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

    /// Watches until `shutdown`. The engine starts it again, with backoff, when it returns before.
    ///
    /// # Errors
    /// What stopped it; shown in status.
    async fn run(&self, sink: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()>;
}
