//! Deploying.

use async_trait::async_trait;

use super::job::Single;
use super::tables::{NewRevision, Tables};
use super::trimmed;
use crate::error::{Error, ErrorCode, Result};
use crate::id::OwnerId;
use crate::model::{Deployment, DeploymentStatus};
use crate::store::{Deployed, PutRevision, carry_over, is_undeployed};

/// Stores a revision and replaces the triggers.
pub(super) struct Put {
    pub(super) owner: OwnerId,
    pub(super) revision: PutRevision,
}

#[async_trait]
impl Single for Put {
    type Output = Deployed;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<Deployed>> {
        let now = trimmed(self.revision.now);
        let found = tables.deployment_named(&self.owner, &self.revision.name).await?;
        if let Some(only) = self.revision.only
            && found.as_ref().is_none_or(|deployment| deployment.id != only)
        {
            // Only an undeployed one has no name any more.
            return Ok(Err(is_undeployed(only)));
        }
        let is_new = found.is_none();
        if is_new && tables.has_deployment(self.revision.deployment_id).await? {
            let id = self.revision.deployment_id;
            return Ok(Err(Error::new(ErrorCode::Conflict, format!("deployment {id} exists already"))));
        }
        let mut deployment = found.unwrap_or_else(|| self.fresh());
        if deployment.status == DeploymentStatus::Paused {
            return Ok(Err(Error::new(ErrorCode::Conflict, format!("deployment {} is paused", deployment.id))
                .with_hint("resume it, then deploy again")));
        }
        let changed = tables.current_revision(&deployment).await?.is_none_or(|(sha256, manifest)| {
            sha256 != self.revision.script_sha256 || manifest != self.revision.manifest
        });
        if changed || deployment.status != DeploymentStatus::Active {
            deployment.status = DeploymentStatus::Active;
            deployment.status_reason = None;
            deployment.action_url = None;
            deployment.updated_at = now;
            deployment.revision += u32::from(changed);
            if is_new {
                tables.insert_deployment(&deployment).await?;
            } else {
                tables.update_deployment(&deployment).await?;
            }
        }
        let existing = tables.triggers(deployment.id).await?;
        if !changed {
            return Ok(Ok(Deployed { deployment, triggers: existing, removed: Vec::new(), changed }));
        }
        let PutRevision { script, script_sha256, manifest, .. } = &self.revision;
        let revision = NewRevision { deployment: &deployment, script, script_sha256, manifest, now };
        tables.insert_revision(revision).await?;
        let (triggers, removed) = carry_over(&deployment, existing, self.revision.triggers.clone(), now);
        tables.replace_triggers(deployment.id, &triggers).await?;
        Ok(Ok(Deployed { deployment, triggers, removed, changed }))
    }
}

impl Put {
    fn fresh(&self) -> Deployment {
        let now = trimmed(self.revision.now);
        Deployment {
            id: self.revision.deployment_id,
            owner: self.owner.clone(),
            name: self.revision.name.clone(),
            status: DeploymentStatus::Active,
            status_reason: None,
            action_url: None,
            paused_until: None,
            revision: 0,
            created_at: now,
            updated_at: now,
        }
    }
}
