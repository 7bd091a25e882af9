//! Runs, their attempts and their logs.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{ClaimLimits, RecordWrite};
use crate::error::{Result, WireError};
use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId, TriggerId, WorkerId};
use crate::model::{
    Attempt, Completion, Fence, FireKey, Isolation, LogEntry, LogLine, Page, PageOptions, Run, RunPolicy, RunState,
    SkipReason, TriggerKind,
};

/// A due time or an event to record. Whose it is, its revision, function and policy are the trigger's own at the time of
/// the recording.
#[derive(Debug, Clone)]
pub struct Fire {
    /// The id its run gets.
    pub run_id: RunId,
    /// The trigger.
    pub trigger_id: TriggerId,
    /// What makes it unique within the trigger.
    pub key: FireKey,
    /// The due time or the time of the event.
    pub scheduled_for: DateTime<Utc>,
    /// The event handed to the function.
    pub payload: Option<Value>,
    /// Before this instant no worker may claim it; later than `scheduled_for` by the jitter.
    pub not_before: DateTime<Utc>,
    /// Record it as skipped whatever the state of the trigger: `coalesced` or `expired`; or as `quota`, unless the state of the
    /// trigger keeps it from running anyway.
    pub skip: Option<SkipReason>,
    /// Follows the run through logs and host calls.
    pub correlation_id: CorrelationId,
}

/// Fires to record, and what is to be written with them.
#[derive(Debug, Clone)]
pub struct RecordFires {
    /// The fires.
    pub fires: Vec<Fire>,
    /// Records to write in the same transaction, in this order: how far the source of the fires has come, say.
    pub records: Vec<RecordWrite>,
    /// The time.
    pub now: DateTime<Utc>,
}

impl RecordFires {
    /// Returns fires to record, with no record beside them.
    #[must_use]
    pub fn new(fires: Vec<Fire>, now: DateTime<Utc>) -> Self {
        Self { fires, records: Vec::new(), now }
    }

    /// Sets the records to write with them.
    #[must_use]
    pub fn with_records(mut self, records: Vec<RecordWrite>) -> Self {
        self.records = records;
        self
    }
}

/// What became of a fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The run's id: the one given, or for a duplicate the one of the run recorded before.
    pub run_id: RunId,
    /// What became of it.
    pub disposition: Disposition,
}

/// What became of a fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// A run waits for a worker.
    Queued,
    /// A run was recorded as skipped.
    Skipped(SkipReason),
    /// The key was recorded before; nothing was written.
    Duplicate,
    /// The trigger no longer exists; nothing was written.
    Gone,
}

/// A run that somebody asked for.
#[derive(Debug, Clone)]
pub struct EnqueueRun {
    /// The id it gets.
    pub run_id: RunId,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The revision to run; without it the current one.
    pub revision: Option<u32>,
    /// The function to call.
    pub func: String,
    /// The event handed to the function.
    pub payload: Option<Value>,
    /// How it is to be run.
    pub policy: RunPolicy,
    /// Makes the request unique within the deployment: a second one with this key returns the first one's run.
    pub idempotency_key: Option<String>,
    /// Whether only the run of an earlier request with the key is wanted, and none is to be made.
    pub only_existing: bool,
    /// Follows the run through logs and host calls.
    pub correlation_id: CorrelationId,
    /// The time of the request.
    pub now: DateTime<Utc>,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct ClaimOptions {
    /// Who asks.
    pub worker: WorkerId,
    /// The time.
    pub now: DateTime<Utc>,
    /// How long the lease lasts.
    pub lease: TimeDelta,
    /// How many runs at most, and how many may run at once per deployment and per owner.
    pub limits: ClaimLimits,
}

/// What a worker got.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The runs, now `running`.
    pub runs: Vec<Run>,
    /// The earliest instant at which another queued run may be claimed that may not now, where there is one: when to ask
    /// again without being woken. It is the earliest `not_before` after `now` among the queued runs that are manual or whose
    /// deployment is active; limits and the waits of serial runs need not be seen in it.
    pub next_at: Option<DateTime<Utc>>,
}

/// A run that a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Held {
    /// The run.
    pub run_id: RunId,
    /// The claim's fence.
    pub fence: Fence,
}

/// What a heartbeat learnt about one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendOutcome {
    /// The lease was extended.
    Held,
    /// The lease was extended, and somebody wants the run to end.
    CancelRequested,
    /// The claim was lost: nothing that the worker writes about the run will land.
    Lost,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct FinishOptions {
    /// The run and the worker's fence.
    pub held: Held,
    /// How it ended.
    pub completion: Completion,
    /// The isolation the attempt had.
    pub isolation: Option<Isolation>,
    /// Lines not yet appended; stored in the same transaction, before the end.
    pub logs: Vec<LogLine>,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Lines of a run.
#[derive(Debug, Clone)]
pub struct AppendLogs {
    /// The run and the worker's fence.
    pub held: Held,
    /// The lines, in order.
    pub lines: Vec<LogLine>,
}

/// What [`RunStore::prune_logs`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogsPruned {
    /// How many runs' lines were deleted.
    pub runs: usize,
    /// From when on there may be more, as `since` of the next call; `None` when nothing was left.
    pub next: Option<DateTime<Utc>>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct ListRuns {
    /// Only those of this deployment.
    pub deployment_id: Option<DeploymentId>,
    /// Only those of this trigger.
    pub trigger_id: Option<TriggerId>,
    /// Only those that this fired.
    pub trigger: Option<TriggerKind>,
    /// Only those in one of these states; with none in any.
    pub states: Vec<RunState>,
    /// Only those with `scheduled_for` at or after this.
    pub since: Option<DateTime<Utc>>,
    /// Only those with `scheduled_for` before this.
    pub until: Option<DateTime<Utc>>,
    /// The page.
    pub page: PageOptions,
}

/// Keeps runs.
#[async_trait]
pub trait RunStore: fmt::Debug + Send + Sync + 'static {
    /// Records fires: inserts their runs, moves each scheduled trigger's cursor to its latest recorded due time and writes the
    /// records, in one transaction. The answer has one entry per fire, in order. A fire whose (trigger, key) was recorded before is a
    /// `Duplicate` and changes nothing but, at most, the cursor, which never moves back. Whether a run is queued or skipped
    /// is decided by [`admit`](super::admit) on what the transaction sees, earlier fires of the same batch included.
    ///
    /// The records are written whatever becomes of the fires: those of a source are seen again after a crash, are duplicates,
    /// and its cursor moves on all the same.
    ///
    /// # Errors
    /// `CONFLICT` when the expectation of one of the records does not hold; nothing was recorded, neither a fire nor another
    /// record. So a call repeated after an unknown outcome that expects the version before its own is refused, and what it
    /// was to write stands.
    async fn record_fires(&self, options: RecordFires) -> Result<Vec<Fired>>;

    /// Records a manual run of a deployment and returns it, queued. Its key is `Event` of the idempotency
    /// key, or of the run's id without one. A manual run may be asked for while the deployment is not active. A second
    /// request with a key is answered with the first one's run as it is then, and writes nothing; with `only_existing` nothing
    /// but this is done.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such deployment or it has no such revision, or when only a run was wanted that there
    /// is not; `CONFLICT` when it is undeployed.
    async fn enqueue(&self, owner: &OwnerId, run: EnqueueRun) -> Result<Run>;

    /// Claims queued runs for a worker: those with `not_before` at or before `now`, chosen by
    /// [`pick_fairly`](super::pick_fairly), oldest first: by `not_before`, then `scheduled_for`, then id. A run of a
    /// deployment that is not `active` is claimed only if it is manual. A run that [is serial](Run::is_serial) is not claimed
    /// while an earlier run of its trigger is queued or running, whatever that one's policy; earlier is by `scheduled_for`,
    /// then id. No run that could be claimed is hidden by others that a limit, a pause or a wait keeps back.
    async fn claim(&self, options: ClaimOptions) -> Result<Claimed>;

    /// Extends the leases of runs a worker holds to `now + lease`; one answer per run, in order.
    async fn extend(&self, held: Vec<Held>, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<ExtendOutcome>>;

    /// Ends an attempt and returns the run as it is then.
    ///
    /// # Errors
    /// `CONFLICT` when the claim was lost; nothing was written, logs included. Repeating the call that ended the attempt is
    /// answered with the run as it is then, and writes nothing, as long as the run has not been claimed again: the attempt
    /// of the fence's epoch has the end that the [completion stands for](Completion::attempt_end). A call that finds the
    /// attempt ended otherwise, by a rescue say, has lost its claim.
    async fn finish(&self, options: FinishOptions) -> Result<Run>;

    /// Appends lines to the logs of runs; one answer per run, in order: false when its claim was lost and nothing of its
    /// lines was written. Lines have no key: a call repeated after an unknown outcome may store them twice.
    async fn append_logs(&self, batch: Vec<AppendLogs>) -> Result<Vec<bool>>;

    /// Takes back at most `limit` runs whose lease ended before or at `now`, and returns them as they are then: queued for
    /// `now`, cancelled, or failed.
    async fn rescue_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Run>>;

    /// Cancels a queued run, or asks the worker of a running one to end it; returns the run as it is then.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such run; `CONFLICT` when it has ended.
    async fn request_cancel(&self, owner: &OwnerId, id: RunId, error: WireError, now: DateTime<Utc>) -> Result<Run>;

    /// Returns a run with its attempts, oldest first.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such run.
    async fn run(&self, owner: &OwnerId, id: RunId) -> Result<(Run, Vec<Attempt>)>;

    /// Lists an owner's runs, latest `scheduled_for` first, ties by latest id.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the page's cursor is not one of this list.
    async fn runs(&self, owner: &OwnerId, options: ListRuns) -> Result<Page<Run>>;

    /// Returns at most `limit` log entries of a run with a `seq` above `after_seq`, in order. The list of a run that exists
    /// and printed nothing is empty.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such run.
    async fn logs(&self, owner: &OwnerId, id: RunId, after_seq: u64, limit: usize) -> Result<Vec<LogEntry>>;

    /// Deletes at most `limit` terminal runs that were completed before `before`, with their attempts and logs; returns
    /// how many. Their dedupe keys go with them; what keeps a due time from being recorded again is its trigger's cursor.
    async fn prune(&self, before: DateTime<Utc>, limit: usize) -> Result<usize>;

    /// Deletes what at most `limit` terminal runs printed: of those that started and were completed at or after `since` and before
    /// `before`, the ones that ended first. They stay, and [say so](Run::logs_pruned); those that say so already are left out. It MAY be
    /// fewer than there are within the limit, where they have printed much. `since` is for who knows that nothing is left before it: the
    /// store need not look there, which is what a later call should do with [`next`](LogsPruned::next).
    async fn prune_logs(&self, since: Option<DateTime<Utc>>, before: DateTime<Utc>, limit: usize)
    -> Result<LogsPruned>;
}
