//! Deployments, revisions and triggers.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::id::{DeploymentId, DeploymentName, OwnerId, TriggerId};
use crate::model::{
    Deployment, DeploymentOverview, DeploymentStatus, Manifest, Page, PageOptions, Revision, RevisionSummary, Trigger,
    TriggerSpec,
};

/// A revision to store.
#[derive(Debug, Clone)]
pub struct PutRevision {
    /// The id the deployment gets if it does not exist yet.
    pub deployment_id: DeploymentId,
    /// The deployment's name; an existing deployment of that name that is not undeployed gets the revision.
    pub name: DeploymentName,
    /// Stores it only if the deployment that has the name is this one; without it, whichever has it, or a new one.
    pub only: Option<DeploymentId>,
    /// The Python source.
    pub script: String,
    /// The SHA-256 of the source, 64 lower-case hexadecimal digits.
    pub script_sha256: String,
    /// What the script declares.
    pub manifest: Manifest,
    /// The triggers of the revision, in the order of the manifest.
    pub triggers: Vec<NewTrigger>,
    /// The time of the deploy.
    pub now: DateTime<Utc>,
}

/// A trigger to store.
#[derive(Debug, Clone)]
pub struct NewTrigger {
    /// The id it gets unless an equal trigger of the deployment exists, whose id and cursor stay.
    pub id: TriggerId,
    /// What the script declares.
    pub spec: TriggerSpec,
}

/// What a deploy did.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The deployment as it is now.
    pub deployment: Deployment,
    /// Its triggers as they are now, in the order of the manifest.
    pub triggers: Vec<Trigger>,
    /// The triggers that the deploy took away.
    pub removed: Vec<TriggerId>,
    /// Whether a revision was stored; false when script and manifest equal the current revision's.
    pub changed: bool,
}

/// A change of status.
#[derive(Debug, Clone)]
pub struct SetStatus {
    /// The new status.
    pub status: DeploymentStatus,
    /// Why.
    pub reason: Option<String>,
    /// Where the user can act, for `needs_attention`.
    pub action_url: Option<String>,
    /// When a pause ends by itself, for `paused`.
    pub paused_until: Option<DateTime<Utc>>,
    /// Makes the change only if the deployment is as somebody saw it; without it, whatever it is.
    pub only_if: Option<StatusGuard>,
    /// The time of the change.
    pub now: DateTime<Utc>,
}

/// What a change of status expects the deployment to be, so that a verdict about one revision never lands on a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusGuard {
    /// The status it has.
    pub status: DeploymentStatus,
    /// Its current revision.
    pub revision: u32,
    /// When its pause ends by itself.
    pub paused_until: Option<DateTime<Utc>>,
}

impl StatusGuard {
    /// Expects a deployment to be as it is.
    #[must_use]
    pub fn of(deployment: &Deployment) -> Self {
        Self { status: deployment.status, revision: deployment.revision, paused_until: deployment.paused_until }
    }

    /// Says whether the deployment is as expected.
    #[must_use]
    pub fn holds(&self, deployment: &Deployment) -> bool {
        *self == Self::of(deployment)
    }
}

impl SetStatus {
    /// Makes the change, and says whether there was one to make. Every store calls this within the transaction of the change,
    /// with `now` as precise as it keeps instants.
    ///
    /// # Errors
    /// `CONFLICT` when the deployment is undeployed and another status is wanted.
    pub fn apply(&self, deployment: &mut Deployment, now: DateTime<Utc>) -> Result<bool> {
        let wanted = StatusGuard {
            status: self.status,
            revision: deployment.revision,
            paused_until: self.paused_until.filter(|_| self.status == DeploymentStatus::Paused),
        };
        if wanted.holds(deployment) || self.only_if.is_some_and(|guard| !guard.holds(deployment)) {
            return Ok(false);
        }
        if deployment.status == DeploymentStatus::Undeployed {
            return Err(super::is_undeployed(deployment.id));
        }
        deployment.status = wanted.status;
        deployment.status_reason.clone_from(&self.reason);
        deployment.action_url.clone_from(&self.action_url);
        deployment.paused_until = wanted.paused_until;
        deployment.updated_at = now;
        Ok(true)
    }
}

/// Which deployments to list.
#[derive(Debug, Clone, Default)]
pub struct ListDeployments {
    /// Only those of this status; without it all that are not undeployed.
    pub status: Option<DeploymentStatus>,
    /// Only the one of this name.
    pub name: Option<DeploymentName>,
    /// The page.
    pub page: PageOptions,
}

/// Keeps deployments, revisions and triggers.
#[async_trait]
pub trait DeploymentStore: fmt::Debug + Send + Sync + 'static {
    /// Stores a revision and replaces the deployment's triggers, in one transaction.
    ///
    /// The deployment of that owner and name that is not undeployed gets the next revision number; without one a
    /// deployment is created with revision 1 and status `active`. When script hash and manifest equal those of the current
    /// revision no revision is stored, the triggers stay and `changed` is false. Which triggers stay otherwise is decided by
    /// [`carry_over`]; new ones start with the cursor `now`. A `needs_attention` deployment becomes `active`, without reason
    /// and action URL, in either case: what has passed the checks has what it needed.
    ///
    /// # Errors
    /// `CONFLICT` when the deployment is paused, whatever the content, or when another one has the name, or none, than the one
    /// that it is [only](PutRevision::only) meant for; nothing was written.
    async fn put_revision(&self, owner: &OwnerId, revision: PutRevision) -> Result<Deployed>;

    /// Returns a deployment with its triggers.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has none of that id.
    async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview>;

    /// Lists an owner's deployments, latest created first.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the page's cursor is not one of this list.
    async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>>;

    /// Returns a revision.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such deployment or it has no such revision.
    async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision>;

    /// Lists the revisions of a deployment, latest first, also of one that is undeployed.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such deployment; `INVALID_REQUEST` when the page's cursor is not one of this list.
    async fn revisions(&self, owner: &OwnerId, id: DeploymentId, page: PageOptions) -> Result<Page<RevisionSummary>>;

    /// Sets the status and returns the deployment as it is now.
    ///
    /// `undeployed` also removes the triggers, deletes the script's state ([`state_namespace`](super::state_namespace)),
    /// cancels the runs that are queued and asks those running to end, in the same transaction; the history stays. Setting the status it already has changes nothing, reason and time included, so
    /// that an undeploy can be repeated; a pause until another time is another one. So does a guard that does not hold, whatever the status wanted: the deployment is
    /// returned as it is, without an error.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has none of that id; `CONFLICT` when it is undeployed and another status is wanted.
    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview>;

    /// Returns deployments of every owner whose pause was to end at `now` or before, those that have waited longest first, at
    /// most `limit`.
    async fn ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>>;

    /// Returns triggers of every owner in the order of their ids, for the engine's planner: those after `after`, at most
    /// `limit`. Fewer than `limit` means that there are no more.
    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>>;
}

/// Decides which triggers of a deployment survive a deploy: returns the triggers as they are now, and those removed.
///
/// A trigger whose kind, function, config and schedule did not change keeps its id and its cursor, so that a redeploy
/// neither loses nor repeats a due time. The schedule can change without the config, by the script-wide time zone: then
/// the old cursor would make due times up that never were. Every store calls this.
#[must_use]
pub fn carry_over(
    deployment: &Deployment,
    existing: Vec<Trigger>,
    wanted: Vec<NewTrigger>,
    now: DateTime<Utc>,
) -> (Vec<Trigger>, Vec<TriggerId>) {
    // A platform's new defaults for catch-up or jitter make no new trigger.
    let due = |spec: &TriggerSpec| spec.schedule.as_ref().map(|config| config.schedule.clone());
    let mut left = existing;
    let triggers = wanted
        .into_iter()
        .map(|new| {
            let same = left.iter().position(|old| {
                old.spec.kind == new.spec.kind
                    && old.spec.func == new.spec.func
                    && old.spec.config == new.spec.config
                    && due(&old.spec) == due(&new.spec)
            });
            match same {
                Some(place) => {
                    let old = left.swap_remove(place);
                    Trigger { revision: deployment.revision, spec: new.spec, ..old }
                }
                None => Trigger {
                    id: new.id,
                    owner: deployment.owner.clone(),
                    deployment_id: deployment.id,
                    revision: deployment.revision,
                    spec: new.spec,
                    cursor: now,
                    created_at: now,
                },
            }
        })
        .collect();
    (triggers, left.into_iter().map(|trigger| trigger.id).collect())
}
