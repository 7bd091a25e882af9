//! Handing queued runs to a worker.

use sqlx::SqliteConnection;
use wren_core::model::{Run, RunEvent};
use wren_core::store::{ClaimLimits, ClaimOptions, Claimed};
use wren_core::{DeploymentId, Result};

use super::queue;
use super::table::{self, Changes};
use crate::error::OrStoreError;
use crate::rows::{blob, micros, trimmed};
use crate::sql::{pieces, with_rows};
use crate::writer::Operation;

/// Claims runs.
pub(super) struct Claim {
    pub(super) options: ClaimOptions,
}

impl Operation for Claim {
    type Output = Claimed;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Claimed>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(Ok(operation.carry_out(connection).await?));
        }
        Ok(answers)
    }
}

impl Claim {
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Claimed> {
        let now = trimmed(self.options.now);
        let limits = self.options.limits;
        let mut claimed = Vec::new();
        loop {
            let left = ClaimLimits { batch: limits.batch - claimed.len(), ..limits };
            let picked = queue::pick(connection, now, left).await?;
            claimed.extend(self.take(connection, &picked.ids).await?);
            if !picked.look_again {
                break;
            }
        }
        Ok(Claimed { runs: claimed, next_at: queue::next_at(connection, now).await? })
    }

    async fn take(&self, connection: &mut SqliteConnection, ids: &[wren_core::RunId]) -> Result<Vec<Run>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let now = trimmed(self.options.now);
        let lease_until = trimmed(now + self.options.lease);
        let mut found = table::load(connection, ids).await?;
        let mut changes = Changes::default();
        let mut runs = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(mut run) = found.remove(id) else { continue };
            let event = RunEvent::Claim { worker: self.options.worker.clone(), lease_until };
            if changes.apply(&mut run, event, now)?.is_ok() {
                runs.push(run);
            }
        }
        changes.write(connection).await?;
        note_last_run(connection, &runs, micros(now)).await?;
        Ok(runs)
    }
}

/// Keeps the latest start in each deployment.
async fn note_last_run(connection: &mut SqliteConnection, runs: &[Run], now: i64) -> Result<()> {
    let mut deployments: Vec<DeploymentId> = runs.iter().map(|run| run.deployment_id).collect();
    deployments.sort_unstable();
    deployments.dedup();
    for piece in pieces(&deployments) {
        let mut statement = with_rows(
            "WITH v (id, started_at) AS (VALUES {rows}) UPDATE deployments SET last_run = v.started_at \
             FROM v WHERE deployments.id = v.id AND (last_run IS NULL OR last_run < v.started_at)",
            piece.len(),
            2,
        );
        for id in piece {
            statement = statement.bind(blob(id.uuid())).bind(now);
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}
