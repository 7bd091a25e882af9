//! Runs that somebody asks for, or asks to end.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::changes::Changes;
use super::job::{Operation, Single};
use super::tables::{Detail, Tables};
use super::trimmed;
use crate::error::{Result, WireError};
use crate::id::{OwnerId, RunId};
use crate::model::{DeploymentStatus, FireKey, NewRun, Run, RunEvent, TriggerKind};
use crate::store::{EnqueueRun, is_undeployed, no_deployment, no_request, no_revision, no_run, not_allowed};

/// Inserts a manual run.
pub(super) struct Enqueue {
    pub(super) owner: OwnerId,
    pub(super) run: EnqueueRun,
}

#[async_trait]
impl Single for Enqueue {
    type Output = Run;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<Run>> {
        let Self { owner, run: asked } = self;
        let id = asked.deployment_id;
        let Some(overview) = tables.deployment(owner, id).await? else { return Ok(Err(no_deployment(id))) };
        let key = FireKey::Event(asked.idempotency_key.clone().unwrap_or_else(|| asked.run_id.to_string()));
        if let Some(first) = tables.requested(id, &key.dedupe_key()).await? {
            let mut found = tables.runs(&[first], Detail::Whole).await?;
            return Ok(found.remove(&first).ok_or_else(|| no_run(first)));
        }
        if asked.only_existing {
            return Ok(Err(no_request()));
        }
        if overview.deployment.status == DeploymentStatus::Undeployed {
            return Ok(Err(is_undeployed(id)));
        }
        let current = overview.deployment.revision;
        let revision = asked.revision.unwrap_or(current);
        // They count from 1 without gaps.
        if !(1..=current).contains(&revision) {
            return Ok(Err(no_revision(id, revision)));
        }
        let run = self.queued(key, revision);
        tables.insert_runs(std::slice::from_ref(&run)).await?;
        Ok(Ok(run))
    }
}

impl Enqueue {
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

/// Cancels a queued run, or asks a running one to end.
pub(super) struct Cancel {
    pub(super) owner: OwnerId,
    pub(super) id: RunId,
    pub(super) error: WireError,
    pub(super) now: DateTime<Utc>,
}

#[async_trait]
impl Operation for Cancel {
    type Output = Run;

    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Run>>> {
        let ids: Vec<RunId> = operations.iter().map(|operation| operation.id).collect();
        let mut runs = tables.runs(&ids, Detail::Whole).await?;
        let mut changes = Changes::default();
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let id = operation.id;
            let Some(run) = runs.get_mut(&id).filter(|run| run.owner == operation.owner) else {
                answers.push(Err(no_run(id)));
                continue;
            };
            let event = RunEvent::Cancel { error: operation.error.clone() };
            answers.push(match changes.apply(run, event, operation.now)? {
                Ok(()) => Ok(run.clone()),
                Err(refused) => Err(not_allowed(id, refused)),
            });
        }
        tables.change_runs(changes).await?;
        Ok(answers)
    }
}
