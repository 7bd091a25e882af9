//! Cancelling on request.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::model::{Run, RunEvent};
use wren_core::{OwnerId, Result, RunId, WireError};

use super::changes::Changes;
use super::table;
use crate::writer::Operation;

/// Cancels a queued run, or asks a running one to end.
pub(super) struct Cancel {
    pub(super) owner: OwnerId,
    pub(super) id: RunId,
    pub(super) error: WireError,
    pub(super) now: DateTime<Utc>,
}

impl Operation for Cancel {
    type Output = Run;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Run>>> {
        let ids: Vec<RunId> = operations.iter().map(|operation| operation.id).collect();
        let mut runs = table::load(connection, &ids).await?;
        let mut changes = Changes::default();
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let id = operation.id;
            let Some(run) = runs.get_mut(&id).filter(|run| run.owner == operation.owner) else {
                answers.push(Err(wren_core::store::no_run(id)));
                continue;
            };
            let event = RunEvent::Cancel { error: operation.error.clone() };
            answers.push(match changes.apply(run, event, operation.now)? {
                Ok(()) => Ok(run.clone()),
                Err(refused) => Err(wren_core::store::not_allowed(id, refused)),
            });
        }
        changes.write(connection).await?;
        Ok(answers)
    }
}
