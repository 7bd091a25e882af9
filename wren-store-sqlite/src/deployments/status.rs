//! Pausing, resuming, undeploying.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::model::{DeploymentOverview, DeploymentStatus, RunEvent};
use wren_core::store::{SetStatus, state_namespace, undeployed};
use wren_core::{DeploymentId, Error, OwnerId, Result};

use super::table;
use crate::error::OrStoreError;
use crate::records;
use crate::rows::{self, Columns, blob, run_columns, trimmed};
use crate::runs::changes::Changes;
use crate::writer::Operation;

/// Sets a deployment's status.
pub(super) struct Set {
    pub(super) owner: OwnerId,
    pub(super) id: DeploymentId,
    pub(super) change: SetStatus,
}

impl Operation for Set {
    type Output = DeploymentOverview;

    async fn run_all(
        connection: &mut SqliteConnection,
        operations: &[Self],
    ) -> Result<Vec<Result<DeploymentOverview>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(operation.carry_out(connection).await?);
        }
        Ok(answers)
    }
}

impl Set {
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Result<DeploymentOverview>> {
        let Self { owner, id, change } = self;
        let Some(mut overview) = table::read_overview(&mut *connection, owner, *id).await? else {
            return Ok(Err(wren_core::store::no_deployment(*id)));
        };
        let now = trimmed(change.now);
        let change = SetStatus { paused_until: change.paused_until.map(trimmed), ..change.clone() };
        match change.apply(&mut overview.deployment, now) {
            Ok(true) => table::update(connection, &overview.deployment).await?,
            Ok(false) => return Ok(Ok(overview)),
            Err(refused) => return Ok(Err(refused)),
        }
        if change.status == DeploymentStatus::Undeployed {
            table::delete_triggers(connection, *id).await?;
            overview.triggers.clear();
            records::clear(connection, &state_namespace(owner, *id)).await?;
            end_runs(connection, *id, now).await?;
        }
        Ok(Ok(overview))
    }
}

/// Cancels the runs that are queued, and asks those running to end.
async fn end_runs(connection: &mut SqliteConnection, id: DeploymentId, now: DateTime<Utc>) -> Result<()> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs r WHERE r.deployment_id = ? AND r.completed_at IS NULL"
    ))
    .bind(blob(id.uuid()))
    .fetch_all(&mut *connection)
    .await
    .or_store_error()?;
    let mut changes = Changes::default();
    for row in &rows {
        let mut run = rows::run(&mut Columns::new(row))?;
        changes
            .apply(&mut run, RunEvent::Cancel { error: undeployed() }, now)?
            .map_err(|refused| Error::internal("an active run refused to end", refused))?;
    }
    changes.write(connection).await
}
