//! Deployments, revisions and triggers in memory.

use std::ops::Bound;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::state::{State, StoredDeployment};
use super::{MemoryStore, micros};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{DeploymentId, OwnerId, TriggerId};
use crate::model::{
    Deployment, DeploymentOverview, DeploymentStatus, Page, PageOptions, Revision, RevisionSummary, RunEvent, Trigger,
};
use crate::store::kit::{Place, cursor};
use crate::store::{
    Deployed, DeploymentStore, ListDeployments, PutRevision, SetStatus, carry_over, state_namespace, undeployed,
};

/// The name of the list in its cursors.
const LIST: &str = "deployments";
/// The name of the list of a deployment's revisions in its cursors.
const REVISIONS: &str = "revisions";

#[async_trait]
impl DeploymentStore for MemoryStore {
    async fn put_revision(&self, owner: &OwnerId, revision: PutRevision) -> Result<Deployed> {
        let mut state = self.lock();
        let now = micros(revision.now);
        let named = state.names.get(&(owner.clone(), revision.name.clone())).copied();
        if let Some(only) = revision.only.filter(|only| named != Some(*only)) {
            return Err(crate::store::is_undeployed(only));
        }
        let Some(id) = named else { return state.create(owner, revision, now) };
        state.redeploy(id, revision, now)
    }

    async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        let state = self.lock();
        state.owned(owner, id).map(|stored| state.overview(stored))
    }

    async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>> {
        let before = match &options.page.after {
            Some(text) => {
                let Place { at, id } = cursor::decode(LIST, text)?;
                Bound::Excluded((at, id))
            }
            None => Bound::Unbounded,
        };
        let limit = options.page.limit.max(1);
        let wanted = |deployment: &Deployment| {
            let status = match options.status {
                Some(status) => deployment.status == status,
                None => deployment.status != DeploymentStatus::Undeployed,
            };
            status && options.name.as_ref().is_none_or(|name| deployment.name == *name)
        };
        let state = self.lock();
        let items = state
            .by_owner
            .get(owner)
            .into_iter()
            .flat_map(|list| list.range((Bound::Unbounded, before)).rev())
            .filter_map(|(_, id)| state.deployments.get(id))
            .filter(|stored| wanted(&stored.deployment))
            .take(limit.saturating_add(1))
            .map(|stored| state.overview(stored))
            .collect();
        Ok(Page::from_overread(items, limit, |last: &DeploymentOverview| {
            cursor::encode(LIST, last.deployment.created_at, last.deployment.id)
        }))
    }

    async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
        let state = self.lock();
        let revisions = &state.owned(owner, id)?.revisions;
        let place = usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
        revisions.get(place).cloned().ok_or_else(|| crate::store::no_revision(id, number))
    }

    async fn revisions(&self, owner: &OwnerId, id: DeploymentId, page: PageOptions) -> Result<Page<RevisionSummary>> {
        let before = page.after.as_deref().map(|text| cursor::decode::<u32>(REVISIONS, text)).transpose()?;
        let limit = page.limit.max(1);
        let state = self.lock();
        let revisions = state.owned(owner, id)?.revisions.iter().rev();
        let items = revisions
            .filter(|revision| before.is_none_or(|place| revision.number < place.id))
            .take(limit.saturating_add(1))
            .map(RevisionSummary::from)
            .collect();
        Ok(Page::from_overread(items, limit, |last: &RevisionSummary| {
            cursor::encode(REVISIONS, last.created_at, last.number)
        }))
    }

    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview> {
        let mut state = self.lock();
        let now = micros(change.now);
        let change = SetStatus { paused_until: change.paused_until.map(micros), ..change };
        let mut deployment = state.owned(owner, id)?.deployment.clone();
        if change.apply(&mut deployment, now)? {
            state.runs.queue.set_active(id, change.status == DeploymentStatus::Active);
            if let Some(stored) = state.deployments.get_mut(&id) {
                stored.deployment = deployment;
            }
            if change.status == DeploymentStatus::Undeployed {
                state.undeploy(id, now);
            }
        }
        state.owned(owner, id).map(|stored| state.overview(stored))
    }

    async fn ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        let state = self.lock();
        let deployments = state.deployments.values().map(|stored| &stored.deployment);
        let mut ended: Vec<_> = deployments
            .filter(|deployment| deployment.paused_until.is_some_and(|until| until <= now))
            .cloned()
            .collect();
        ended.sort_by_key(|deployment| (deployment.paused_until, deployment.id));
        ended.truncate(limit);
        Ok(ended)
    }

    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.lock();
        Ok(state.triggers.range((after, Bound::Unbounded)).take(limit).map(|(_, trigger)| trigger.clone()).collect())
    }
}

impl State {
    fn create(&mut self, owner: &OwnerId, revision: PutRevision, now: DateTime<Utc>) -> Result<Deployed> {
        let id = revision.deployment_id;
        if self.deployments.contains_key(&id) {
            return Err(Error::new(ErrorCode::Conflict, format!("deployment {id} exists already")));
        }
        let deployment = Deployment {
            id,
            owner: owner.clone(),
            name: revision.name.clone(),
            status: DeploymentStatus::Active,
            status_reason: None,
            action_url: None,
            paused_until: None,
            revision: 0,
            created_at: now,
            updated_at: now,
        };
        self.names.insert((owner.clone(), revision.name.clone()), id);
        self.by_owner.entry(owner.clone()).or_default().insert((now, id));
        let stored = StoredDeployment { deployment, revisions: Vec::new(), triggers: Vec::new(), last_run: None };
        self.deployments.insert(id, stored);
        self.redeploy(id, revision, now)
    }

    /// Gives a deployment that has its name a revision, unless it is the one it has.
    fn redeploy(&mut self, id: DeploymentId, revision: PutRevision, now: DateTime<Utc>) -> Result<Deployed> {
        let State { deployments, triggers, runs, .. } = self;
        let stored = deployments.get_mut(&id).ok_or_else(|| crate::store::no_deployment(id))?;
        let deployment = &mut stored.deployment;
        if deployment.status == DeploymentStatus::Paused {
            return Err(Error::new(ErrorCode::Conflict, format!("deployment {id} is paused"))
                .with_hint("resume it, then deploy again"));
        }
        let changed = stored.revisions.last().is_none_or(|current| {
            current.script_sha256 != revision.script_sha256 || current.manifest != revision.manifest
        });
        if changed || deployment.status != DeploymentStatus::Active {
            deployment.status = DeploymentStatus::Active;
            deployment.status_reason = None;
            deployment.action_url = None;
            deployment.updated_at = now;
            runs.queue.set_active(id, true);
        }
        let mut removed = Vec::new();
        if changed {
            deployment.revision += 1;
            stored.revisions.push(Revision {
                deployment_id: id,
                number: deployment.revision,
                script: revision.script,
                script_sha256: revision.script_sha256,
                manifest: revision.manifest,
                created_at: now,
            });
            let existing = stored.triggers.iter().filter_map(|id| triggers.remove(id)).collect();
            let kept;
            (kept, removed) = carry_over(deployment, existing, revision.triggers, now);
            stored.triggers = kept.iter().map(|trigger| trigger.id).collect();
            triggers.extend(kept.into_iter().map(|trigger| (trigger.id, trigger)));
        }
        Ok(Deployed {
            deployment: deployment.clone(),
            triggers: stored.triggers.iter().filter_map(|id| triggers.get(id)).cloned().collect(),
            removed,
            changed,
        })
    }

    /// Takes away what an undeployed deployment has no more: its name, its triggers, its script's state, its runs that have
    /// not ended.
    fn undeploy(&mut self, id: DeploymentId, now: DateTime<Utc>) {
        if let Some(stored) = self.deployments.get_mut(&id) {
            self.names.remove(&(stored.deployment.owner.clone(), stored.deployment.name.clone()));
            self.records.remove(&state_namespace(&stored.deployment.owner, id));
            for trigger in stored.triggers.drain(..) {
                self.triggers.remove(&trigger);
            }
        }
        for run in self.runs.queue.of_deployment(id) {
            self.runs.apply(run, RunEvent::Cancel { error: undeployed() }, now);
        }
    }
}
