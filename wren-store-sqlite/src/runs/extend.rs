//! Heartbeats.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;
use wren_core::Result;
use wren_core::RunId;
use wren_core::model::{Run, RunEvent};
use wren_core::store::{ExtendOutcome, Held};

use super::table;
use crate::error::OrStoreError;
use crate::rows::{blob, micros, trimmed};
use crate::sql::{pieces, with_rows};
use crate::writer::Operation;

/// Extends leases.
pub(super) struct Extend {
    pub(super) held: Vec<Held>,
    pub(super) now: DateTime<Utc>,
    pub(super) lease: TimeDelta,
}

impl Operation for Extend {
    type Output = Vec<ExtendOutcome>;

    async fn run_all(
        connection: &mut SqliteConnection,
        operations: &[Self],
    ) -> Result<Vec<Result<Vec<ExtendOutcome>>>> {
        let ids: Vec<RunId> = operations.iter().flat_map(|one| &one.held).map(|held| held.run_id).collect();
        let mut runs = table::load_light(connection, &ids).await?;
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
        let running: Vec<Run> = runs.into_values().filter(|run| run.claim.is_some()).collect();
        write_leases(connection, &running).await?;
        Ok(answers)
    }
}

pub(crate) const EXTEND: &str = "WITH v (id, lease_until) AS (VALUES {rows}) \
     UPDATE runs SET lease_until = v.lease_until FROM v WHERE runs.id = v.id";

/// Writes the leases alone: the row keeps its length, so SQLite changes it in place, however large its payload.
async fn write_leases(connection: &mut SqliteConnection, runs: &[Run]) -> Result<()> {
    for piece in pieces(runs) {
        let mut statement = with_rows(EXTEND, piece.len(), 2);
        for run in piece {
            statement =
                statement.bind(blob(run.id.uuid())).bind(run.claim.as_ref().map(|claim| micros(claim.lease_until)));
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}
