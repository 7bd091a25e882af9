//! Runs whose worker was lost.

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};
use wren_core::model::{Rescue as RescueRun, Run, RunEvent};
use wren_core::{Result, RunId};

use super::changes::Changes;
use super::table;
use crate::error::OrStoreError;
use crate::rows::{self, micros};
use crate::writer::Operation;

/// Takes back runs whose lease has ended.
pub(super) struct Rescue {
    pub(super) now: DateTime<Utc>,
    pub(super) limit: usize,
}

impl Operation for Rescue {
    type Output = Vec<Run>;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Vec<Run>>>> {
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            answers.push(Ok(operation.carry_out(connection).await?));
        }
        Ok(answers)
    }
}

pub(crate) const EXPIRED: &str = "SELECT id FROM runs WHERE lease_until <= ? ORDER BY lease_until LIMIT ?";

impl Rescue {
    async fn carry_out(&self, connection: &mut SqliteConnection) -> Result<Vec<Run>> {
        let rows = sqlx::query(EXPIRED)
            .bind(micros(self.now))
            .bind(i64::try_from(self.limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await
            .or_store_error()?;
        let ids: Vec<RunId> = rows
            .iter()
            .map(|row| Ok(RunId::from_uuid(rows::uuid(row.try_get(0).or_store_error()?)?)))
            .collect::<Result<_>>()?;
        let mut found = table::load(connection, &ids).await?;
        let mut changes = Changes::default();
        let mut rescued = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(mut run) = found.remove(&id) else { continue };
            let event = RunEvent::Rescue(RescueRun { not_before: self.now });
            if changes.apply(&mut run, event, self.now)?.is_ok() {
                rescued.push(run);
            }
        }
        changes.write(connection).await?;
        Ok(rescued)
    }
}
