//! What a technology does within one open transaction: reads and writes without a decision in them.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::changes::Changes;
use crate::error::Result;
use crate::id::{DeploymentId, DeploymentName, OwnerId, RunId, TriggerId};
use crate::model::{
    AttemptEnd, Deployment, DeploymentOverview, DeploymentStatus, LogLine, Manifest, Run, RunPolicy, Trigger,
    TriggerKind,
};
use crate::store::{ClaimLimits, Held, Namespace, PutOptions};

/// Reads and writes within one open transaction.
///
/// What a method reads MUST NOT change until the transaction ends, unless it changes it itself: where transactions run side
/// by side it locks the rows it returns, in the order of their ids, deployments before triggers before runs.
///
/// Instants are already cut to the microsecond. A method that gets an empty list does nothing.
#[async_trait]
pub trait Tables: fmt::Debug + Send {
    // Deployments.

    /// Returns an owner's deployment with its triggers, oldest first.
    async fn deployment(&mut self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>>;

    /// Returns an owner's deployment of that name that is not undeployed. Without one the name is kept from others until
    /// the transaction ends.
    async fn deployment_named(&mut self, owner: &OwnerId, name: &DeploymentName) -> Result<Option<Deployment>>;

    /// Says whether a deployment of anybody has the id.
    async fn has_deployment(&mut self, id: DeploymentId) -> Result<bool>;

    /// Inserts a deployment.
    async fn insert_deployment(&mut self, deployment: &Deployment) -> Result<()>;

    /// Writes status, reason, action URL, end of pause, revision and time of change of a deployment.
    async fn update_deployment(&mut self, deployment: &Deployment) -> Result<()>;

    /// Returns the hash of the script and the manifest of a deployment's current revision.
    async fn current_revision(&mut self, deployment: &Deployment) -> Result<Option<(String, Manifest)>>;

    /// Inserts a revision.
    async fn insert_revision(&mut self, revision: NewRevision<'_>) -> Result<()>;

    /// Returns a deployment's triggers in the order of the manifest.
    async fn triggers(&mut self, id: DeploymentId) -> Result<Vec<Trigger>>;

    /// Replaces a deployment's triggers by these, given in the order of the manifest.
    async fn replace_triggers(&mut self, id: DeploymentId, triggers: &[Trigger]) -> Result<()>;

    /// Keeps the latest start of a run in each deployment; an earlier one than is known changes nothing.
    async fn note_starts(&mut self, starts: &[(DeploymentId, DateTime<Utc>)]) -> Result<()>;

    // Fires.

    /// Returns what fires need to know of those of the triggers that exist.
    async fn fire_targets(&mut self, ids: &[TriggerId]) -> Result<HashMap<TriggerId, FireTarget>>;

    /// Returns the runs recorded before under those of the keys that are known, which are
    /// [dedupe keys](crate::model::FireKey::dedupe_key).
    async fn fired(&mut self, keys: &[(TriggerId, String)]) -> Result<HashMap<(TriggerId, String), RunId>>;

    /// Returns the manual run recorded under a dedupe key.
    async fn requested(&mut self, deployment: DeploymentId, key: &str) -> Result<Option<RunId>>;

    /// Sets the cursors of triggers.
    async fn move_cursors(&mut self, cursors: &[(TriggerId, DateTime<Utc>)]) -> Result<()>;

    // Runs.

    /// Inserts runs, which are queued or skipped.
    async fn insert_runs(&mut self, runs: &[Run]) -> Result<()>;

    /// Returns those of the runs that exist.
    async fn runs(&mut self, ids: &[RunId], detail: Detail) -> Result<HashMap<RunId, Run>>;

    /// Returns the queued and running runs of a trigger, oldest first.
    async fn active_of_trigger(&mut self, deployment: DeploymentId, trigger: TriggerId) -> Result<Vec<Run>>;

    /// Returns the queued and running runs of a deployment.
    async fn active_of_deployment(&mut self, deployment: DeploymentId) -> Result<Vec<Run>>;

    /// Writes what has changed of runs and their attempts.
    async fn change_runs(&mut self, changes: Changes) -> Result<()>;

    /// Writes the ends of leases alone.
    async fn extend_leases(&mut self, leases: &[(RunId, DateTime<Utc>)]) -> Result<()>;

    /// Picks runs that a claim may take: those due at `now`, in the order and within the limits of
    /// [`RunStore::claim`](crate::store::RunStore::claim).
    async fn pick(&mut self, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked>;

    /// Returns at most `limit` running runs whose lease ended before or at `now`, longest ended first.
    async fn expired(&mut self, now: DateTime<Utc>, limit: usize) -> Result<Vec<RunId>>;

    /// Returns how the attempt of a claim ended, if it has.
    async fn attempt_end(&mut self, held: Held) -> Result<Option<AttemptEnd>>;

    /// Deletes at most `limit` terminal runs completed before `before`, with all that belongs to them; returns how many.
    async fn prune(&mut self, before: DateTime<Utc>, limit: usize) -> Result<usize>;

    // Logs.

    /// Returns at most `limit` runs that started and were completed at or after `since` and before `before`, and whose lines were not
    /// deleted yet, first ended first, and when each was completed.
    async fn unpruned(
        &mut self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<(RunId, DateTime<Utc>)>>;

    /// Deletes all lines of terminal runs, and notes in the runs that it did.
    async fn delete_logs(&mut self, ids: &[RunId]) -> Result<()>;

    /// Returns the last log number of those of the runs that have one.
    async fn last_lines(&mut self, ids: &[RunId]) -> Result<HashMap<RunId, u64>>;

    /// Appends lines.
    async fn append_lines(&mut self, lines: &[NewLine<'_>]) -> Result<()>;

    // Records.

    /// Writes a record and returns its version, which is greater than any before; `None` when the expectation does not hold.
    async fn put_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        value: &Bytes,
        options: PutOptions,
    ) -> Result<Option<u64>>;

    /// Deletes a record that has not expired, at that version if one is given; says whether it did.
    async fn delete_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        version: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<bool>;

    /// Deletes every record of a namespace.
    async fn clear_records(&mut self, namespace: &Namespace) -> Result<()>;

    /// Deletes at most `limit` expired records of every namespace; returns how many.
    async fn purge_records(&mut self, now: DateTime<Utc>, limit: usize) -> Result<usize>;

    /// Writes something that changes nothing: enough for the disk and the locks to say no.
    async fn touch(&mut self) -> Result<()>;
}

/// How much of a run to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Whole,
    /// All but payload and result, which may be large, where a change bears on neither.
    Light,
}

/// What a fire needs to know of its trigger.
#[derive(Debug, Clone)]
pub struct FireTarget {
    /// Whose it is.
    pub owner: OwnerId,
    /// Its deployment.
    pub deployment_id: DeploymentId,
    /// Its revision.
    pub revision: u32,
    /// Its kind.
    pub kind: TriggerKind,
    /// The function it calls.
    pub func: String,
    /// How its runs are to be run.
    pub policy: RunPolicy,
    /// The status of its deployment.
    pub status: DeploymentStatus,
    /// When the pause of its deployment ends.
    pub paused_until: Option<DateTime<Utc>>,
    /// Its latest recorded due time.
    pub cursor: DateTime<Utc>,
    /// Whether a run of it is queued or running.
    pub has_active_run: bool,
}

/// What one look at the queue found.
#[derive(Debug, Clone, Default)]
pub struct Picked {
    /// The runs to claim, in order.
    pub ids: Vec<RunId>,
    /// When the first of the runs that may not be claimed yet may be.
    pub next_at: Option<DateTime<Utc>>,
    /// Whether another look, once these are claimed, may find more within the limits.
    pub look_again: bool,
}

/// A revision to insert: the deployment's current one.
#[derive(Debug, Clone, Copy)]
pub struct NewRevision<'a> {
    /// The deployment, with the revision's number.
    pub deployment: &'a Deployment,
    /// The Python source.
    pub script: &'a str,
    /// Its SHA-256.
    pub script_sha256: &'a str,
    /// What it declares.
    pub manifest: &'a Manifest,
    /// The time of the deploy.
    pub now: DateTime<Utc>,
}

/// A line to append.
#[derive(Debug, Clone, Copy)]
pub struct NewLine<'a> {
    /// The run.
    pub run: RunId,
    /// Its number in the log.
    pub seq: u64,
    /// The attempt that printed it.
    pub attempt: u32,
    /// The line; its instant is not yet cut to the microsecond.
    pub line: &'a LogLine,
}
