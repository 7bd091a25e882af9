//! Reading the revisions of a deployment, and going back to one.

use super::{DeployReceipt, Engine};
use crate::deploy::DeployRequest;
use crate::error::Result;
use crate::id::{DeploymentId, OwnerId};
use crate::model::{DeploymentStatus, Page, PageOptions, Revision, RevisionSummary};

impl Engine {
    /// Returns a revision of a deployment.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STORE_UNAVAILABLE`.
    pub async fn revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Revision> {
        self.inner.store.revision(owner, id, number).await
    }

    /// Lists the revisions of a deployment, latest first.
    ///
    /// # Errors
    /// `NOT_FOUND`; `INVALID_REQUEST` for a foreign page cursor; `STORE_UNAVAILABLE`.
    pub async fn revisions(
        &self,
        owner: &OwnerId,
        id: DeploymentId,
        page: PageOptions,
    ) -> Result<Page<RevisionSummary>> {
        self.inner.store.revisions(owner, id, page).await
    }

    /// Deploys the script of an earlier revision anew: numbers only grow, and what was in force stays in the history. Triggers
    /// that do not change keep their ids and cursors; a script that the current one equals is no new revision.
    ///
    /// The script is examined as in any deploy, since what it needs may be gone.
    ///
    /// # Errors
    /// `NOT_FOUND` for the deployment or the revision, `CONFLICT` when it is undeployed or paused, and what
    /// [`deploy`](Self::deploy) refuses.
    pub async fn rollback(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<DeployReceipt> {
        let deployment = self.inner.store.deployment(owner, id).await?.deployment;
        if deployment.status == DeploymentStatus::Undeployed {
            return Err(crate::store::is_undeployed(id));
        }
        let script = self.inner.store.revision(owner, id, number).await?.script;
        let name = Some(deployment.name.as_str().to_owned());
        // The name may be another deployment's by the time that the script is examined.
        self.deploy_to(owner, DeployRequest { script, name, ..DeployRequest::default() }, Some(id)).await
    }
}
