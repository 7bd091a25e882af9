//! Deploying.

use sqlx::{Row, SqliteConnection};
use wren_core::model::{Deployment, DeploymentStatus, Manifest};
use wren_core::store::{Deployed, NewTrigger, PutRevision, carry_over};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};

use super::table::{self, NewRevision};
use crate::error::OrStoreError;
use crate::rows::{self, blob, json, parsed, trimmed};
use crate::writer::Operation;

/// Stores a revision and replaces the triggers.
pub(super) struct Put {
    pub(super) owner: OwnerId,
    pub(super) revision: PutRevision,
}

impl Operation for Put {
    type Output = Deployed;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Deployed>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(operation.carry_out(connection).await?);
        }
        Ok(answers)
    }
}

impl Put {
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Result<Deployed>> {
        let now = trimmed(self.revision.now);
        let (mut deployment, is_new) = match self.find(connection).await? {
            Some(found) => (found, false),
            None if self.id_is_taken(connection).await? => {
                let id = self.revision.deployment_id;
                return Ok(Err(Error::new(ErrorCode::Conflict, format!("deployment {id} exists already"))));
            }
            None => (self.fresh(), true),
        };
        if deployment.status == DeploymentStatus::Paused {
            return Ok(Err(Error::new(ErrorCode::Conflict, format!("deployment {} is paused", deployment.id))
                .with_hint("resume it, then deploy again")));
        }
        let changed = self.differs(connection, &deployment).await?;
        if changed || deployment.status != DeploymentStatus::Active {
            deployment.status = DeploymentStatus::Active;
            deployment.status_reason = None;
            deployment.action_url = None;
            deployment.updated_at = now;
            deployment.revision += u32::from(changed);
            if is_new {
                table::insert(connection, &deployment).await?;
            } else {
                table::update(connection, &deployment).await?;
            }
        }
        let existing = table::triggers(connection, deployment.id).await?;
        if !changed {
            return Ok(Ok(Deployed { deployment, triggers: existing, removed: Vec::new(), changed }));
        }
        table::insert_revision(
            connection,
            NewRevision {
                deployment: &deployment,
                script: &self.revision.script,
                sha256: &self.revision.script_sha256,
                manifest: json(&self.revision.manifest)?,
                now,
            },
        )
        .await?;
        let wanted: Vec<NewTrigger> = self.revision.triggers.clone();
        let (triggers, removed) = carry_over(&deployment, existing, wanted, now);
        table::replace_triggers(connection, deployment.id, &triggers).await?;
        Ok(Ok(Deployed { deployment, triggers, removed, changed }))
    }

    /// Returns the owner's deployment of that name that is not undeployed.
    async fn find(&self, connection: &mut SqliteConnection) -> Result<Option<Deployment>> {
        let row = sqlx::query("SELECT id FROM deployments WHERE owner = ? AND name = ? AND status <> 'undeployed'")
            .bind(self.owner.as_str().to_owned())
            .bind(self.revision.name.as_str().to_owned())
            .fetch_optional(&mut *connection)
            .await
            .or_store_error()?;
        let Some(row) = row else { return Ok(None) };
        let id = DeploymentId::from_uuid(rows::uuid(row.try_get(0).or_store_error()?)?);
        table::read(connection, &self.owner, id).await
    }

    async fn id_is_taken(&self, connection: &mut SqliteConnection) -> Result<bool> {
        let row = sqlx::query("SELECT 1 FROM deployments WHERE id = ?")
            .bind(blob(self.revision.deployment_id.uuid()))
            .fetch_optional(connection)
            .await
            .or_store_error()?;
        Ok(row.is_some())
    }

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

    /// Says whether script or manifest are other than the current revision's.
    async fn differs(&self, connection: &mut SqliteConnection, deployment: &Deployment) -> Result<bool> {
        let Some((sha256, manifest)) = table::current_revision(connection, deployment).await? else { return Ok(true) };
        Ok(sha256 != self.revision.script_sha256
            || parsed::<Manifest>("manifest", &manifest)? != self.revision.manifest)
    }
}
