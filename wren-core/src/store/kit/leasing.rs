//! Heartbeats, and runs whose worker was lost.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::changes::Changes;
use super::job::{Operation, Single};
use super::tables::{Detail, Tables};
use super::trimmed;
use crate::error::Result;
use crate::id::RunId;
use crate::model::{Rescue as RescueRun, Run, RunEvent};
use crate::store::{ExtendOutcome, Held};

/// Extends leases.
pub(super) struct Extend {
    pub(super) held: Vec<Held>,
    pub(super) now: DateTime<Utc>,
    pub(super) lease: TimeDelta,
}

#[async_trait]
impl Operation for Extend {
    type Output = Vec<ExtendOutcome>;

    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Vec<ExtendOutcome>>>> {
        let ids: Vec<RunId> = operations.iter().flat_map(|one| &one.held).map(|held| held.run_id).collect();
        let mut runs = tables.runs(&ids, Detail::Light).await?;
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let lease_until = trimmed(operation.now + operation.lease);
            let outcomes = operation.held.iter().map(|held| {
                let event = RunEvent::Extend { fence: held.fence, lease_until };
                match runs.get_mut(&held.run_id).map(|run| (run.apply(event, operation.now), run.cancel_requested)) {
                    Some((Ok(_), true)) => ExtendOutcome::CancelRequested,
                    Some((Ok(_), false)) => ExtendOutcome::Held,
                    Some((Err(_), _)) | None => ExtendOutcome::Lost,
                }
            });
            answers.push(Ok(outcomes.collect()));
        }
        let claims = runs.values().filter_map(|run| Some((run.id, run.claim.as_ref()?.lease_until)));
        let mut leases: Vec<_> = claims.collect();
        leases.sort_unstable();
        tables.extend_leases(&leases).await?;
        Ok(answers)
    }
}

/// Takes back runs whose lease has ended.
pub(super) struct Rescue {
    pub(super) now: DateTime<Utc>,
    pub(super) limit: usize,
}

#[async_trait]
impl Single for Rescue {
    type Output = Vec<Run>;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<Vec<Run>>> {
        let ids = tables.expired(self.now, self.limit).await?;
        let mut found = tables.runs(&ids, Detail::Whole).await?;
        let mut changes = Changes::default();
        let mut rescued = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(mut run) = found.remove(&id) else { continue };
            let event = RunEvent::Rescue(RescueRun { not_before: self.now });
            if changes.apply(&mut run, event, self.now)?.is_ok() {
                rescued.push(run);
            }
        }
        tables.change_runs(changes).await?;
        Ok(Ok(rescued))
    }
}
