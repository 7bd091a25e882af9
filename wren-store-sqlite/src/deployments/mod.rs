//! Deployments, revisions and triggers.

mod list;
mod put;
mod status;
pub(crate) mod table;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use wren_core::model::{Deployment, DeploymentOverview, Page, Revision, Trigger};
use wren_core::store::{Deployed, DeploymentStore, ListDeployments, PutRevision, SetStatus};
use wren_core::{DeploymentId, OwnerId, Result, TriggerId};

use crate::SqliteStore;

#[async_trait]
impl DeploymentStore for SqliteStore {
    async fn put_revision(&self, owner: &OwnerId, revision: PutRevision) -> Result<Deployed> {
        self.writer.write(put::Put { owner: owner.clone(), revision }).await
    }

    async fn deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<DeploymentOverview> {
        list::deployment(&self.readers, owner, id).await
    }

    async fn deployments(&self, owner: &OwnerId, options: ListDeployments) -> Result<Page<DeploymentOverview>> {
        list::deployments(&self.readers, owner, options).await
    }

    async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
        list::revision(&self.readers, owner, id, number).await
    }

    async fn set_status(&self, owner: &OwnerId, id: DeploymentId, change: SetStatus) -> Result<DeploymentOverview> {
        self.writer.write(status::Set { owner: owner.clone(), id, change }).await
    }

    async fn ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        list::ended_pauses(&self.readers, now, limit).await
    }

    async fn scan_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        list::scan_triggers(&self.readers, after, limit).await
    }
}
