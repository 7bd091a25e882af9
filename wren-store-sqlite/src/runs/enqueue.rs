//! Runs that somebody asked for.

use sqlx::{Row, SqliteConnection};
use wren_core::model::{DeploymentStatus, FireKey, NewRun, Run, TriggerKind};
use wren_core::store::EnqueueRun;
use wren_core::{OwnerId, Result, RunId};

use super::table;
use crate::deployments::table as deployments;
use crate::error::OrStoreError;
use crate::rows::{self, blob, trimmed};
use crate::writer::Operation;

/// Inserts a manual run.
pub(super) struct Enqueue {
    pub(super) owner: OwnerId,
    pub(super) run: EnqueueRun,
}

impl Operation for Enqueue {
    type Output = Run;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Run>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(operation.carry_out(connection).await?);
        }
        Ok(answers)
    }
}

impl Enqueue {
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Result<Run>> {
        let Self { owner, run: asked } = self;
        let id = asked.deployment_id;
        let Some(deployment) = deployments::read(connection, owner, id).await? else {
            return Ok(Err(wren_core::store::no_deployment(id)));
        };
        let key = FireKey::Event(asked.idempotency_key.clone().unwrap_or_else(|| asked.run_id.to_string()));
        let first =
            sqlx::query("SELECT id FROM runs WHERE deployment_id = ? AND dedupe_key = ? AND trigger_id IS NULL")
                .bind(blob(id.uuid()))
                .bind(key.dedupe_key())
                .fetch_optional(&mut *connection)
                .await
                .or_store_error()?;
        if let Some(row) = first {
            let first = RunId::from_uuid(rows::uuid(row.try_get(0).or_store_error()?)?);
            let mut found = table::load(connection, &[first]).await?;
            return Ok(found.remove(&first).ok_or_else(|| wren_core::store::no_run(first)));
        }
        if deployment.status == DeploymentStatus::Undeployed {
            return Ok(Err(wren_core::store::is_undeployed(id)));
        }
        let run = self.queued(key, deployment.revision);
        table::insert(connection, std::slice::from_ref(&run)).await?;
        Ok(Ok(run))
    }

    fn queued(&self, key: FireKey, revision: u32) -> Run {
        let asked = &self.run;
        let now = trimmed(asked.now);
        let new = NewRun {
            id: asked.run_id,
            owner: self.owner.clone(),
            deployment_id: asked.deployment_id,
            revision,
            trigger_id: None,
            trigger: TriggerKind::Manual,
            func: asked.func.clone(),
            key,
            scheduled_for: now,
            payload: asked.payload.clone(),
            policy: asked.policy.clone(),
            not_before: now,
            correlation_id: asked.correlation_id.clone(),
        };
        Run::queued(new, now)
    }
}
