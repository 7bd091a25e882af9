//! Everything a [`MemoryStore`](super::MemoryStore) keeps, under its one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::run_table::RunTable;
use crate::error::Result;
use crate::id::{DeploymentId, DeploymentName, OwnerId, TriggerId};
use crate::model::{Deployment, DeploymentOverview, Revision, Trigger};
use crate::store::{Namespace, Record};

/// Everything a store keeps.
#[derive(Default)]
pub(super) struct State {
    pub(super) deployments: HashMap<DeploymentId, StoredDeployment>,
    /// The deployments that are not undeployed: an undeployed one gives its name free.
    pub(super) names: HashMap<(OwnerId, DeploymentName), DeploymentId>,
    /// By creation, for lists.
    pub(super) by_owner: HashMap<OwnerId, BTreeSet<(DateTime<Utc>, DeploymentId)>>,
    pub(super) triggers: BTreeMap<TriggerId, Trigger>,
    pub(super) runs: RunTable,
    pub(super) records: BTreeMap<Namespace, BTreeMap<String, Record>>,
    /// The version of the latest record written, of whatever key: so no key ever sees a version twice.
    pub(super) last_version: u64,
}

/// A deployment with what belongs to it.
pub(super) struct StoredDeployment {
    pub(super) deployment: Deployment,
    /// Revision `n` stands at `n - 1`.
    pub(super) revisions: Vec<Revision>,
    /// In the order of the manifest.
    pub(super) triggers: Vec<TriggerId>,
    pub(super) last_run: Option<DateTime<Utc>>,
}

impl State {
    /// Returns an owner's deployment; one of another owner does not exist.
    pub(super) fn owned(&self, owner: &OwnerId, id: DeploymentId) -> Result<&StoredDeployment> {
        self.deployments
            .get(&id)
            .filter(|stored| stored.deployment.owner == *owner)
            .ok_or_else(|| crate::store::no_deployment(id))
    }

    /// Returns what a list shows of a deployment.
    pub(super) fn overview(&self, stored: &StoredDeployment) -> DeploymentOverview {
        let mut triggers: Vec<Trigger> =
            stored.triggers.iter().filter_map(|id| self.triggers.get(id)).cloned().collect();
        triggers.sort_by_key(|trigger| (trigger.created_at, trigger.id));
        DeploymentOverview { deployment: stored.deployment.clone(), triggers, last_run: stored.last_run }
    }
}
