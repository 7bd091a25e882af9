//! Recording due times and events.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::job::Operation;
use super::recording::Recording;
use super::tables::Tables;
use crate::error::Result;
use crate::store::{Fire, Fired};

/// Inserts runs and moves cursors.
pub(super) struct RecordFires {
    pub(super) fires: Vec<Fire>,
    pub(super) now: DateTime<Utc>,
}

#[async_trait]
impl Operation for RecordFires {
    type Output = Vec<Fired>;

    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Vec<Fired>>>> {
        let fires: Vec<&Fire> = operations.iter().flat_map(|one| &one.fires).collect();
        let mut recording = Recording::read(tables, &fires).await?;
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let fired: Result<Vec<Fired>> =
                operation.fires.iter().map(|fire| recording.record(fire, operation.now)).collect();
            answers.push(Ok(fired?));
        }
        recording.write(tables).await?;
        Ok(answers)
    }
}
