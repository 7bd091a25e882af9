//! The ends of attempts.

use std::collections::HashMap;

use sqlx::{Row, SqliteConnection};
use wren_core::model::{AttemptEnd, Completion, Run, RunEvent, TransitionError};
use wren_core::store::{FinishOptions, Held};
use wren_core::{Error, Result, RunId};

use super::changes::Changes;
use super::logs::{Appending, holds};
use super::table;
use crate::error::OrStoreError;
use crate::rows::{blob, parsed, trimmed};
use crate::writer::Operation;

/// Ends an attempt.
pub(super) struct Finish {
    pub(super) options: FinishOptions,
}

impl Operation for Finish {
    type Output = Run;

    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Run>>> {
        let ids: Vec<RunId> = operations.iter().map(|operation| operation.options.held.run_id).collect();
        let mut runs = table::load(connection, &ids).await?;
        let printing: Vec<RunId> = operations
            .iter()
            .filter(|operation| !operation.options.logs.is_empty())
            .map(|operation| operation.options.held.run_id)
            .collect();
        let mut appending = Appending::after(table::last_lines(connection, &printing).await?);
        let mut changes = Changes::default();
        let mut ends: HashMap<Held, AttemptEnd> = HashMap::new();
        let mut answers = Vec::with_capacity(operations.len());
        for Finish { options } in operations {
            let held = options.held;
            let Some(run) = runs.get_mut(&held.run_id) else {
                answers.push(Err(lost(held)));
                continue;
            };
            let completion = to_the_microsecond(options.completion.clone());
            let end = completion.attempt_end();
            if !holds(run, held) {
                let ended = match ends.get(&held) {
                    Some(ended) => Some(*ended),
                    None => read_end(connection, held).await?,
                };
                let repeated = run.epoch == held.fence.epoch && ended == Some(end);
                answers.push(if repeated { Ok(run.clone()) } else { Err(lost(held)) });
                continue;
            }
            appending.add(run, &options.logs);
            let event = RunEvent::Complete { fence: held.fence, completion, isolation: options.isolation.clone() };
            changes
                .apply(run, event, trimmed(options.now))?
                .map_err(|refused| Error::internal("a held run refused to end", refused))?;
            ends.insert(held, end);
            answers.push(Ok(run.clone()));
        }
        appending.write(connection).await?;
        changes.write(connection).await?;
        Ok(answers)
    }
}

/// Returns how the attempt of a claim ended, if it has: what tells a repeated call from a lost claim.
async fn read_end(connection: &mut SqliteConnection, held: Held) -> Result<Option<AttemptEnd>> {
    let row = sqlx::query("SELECT end FROM attempts WHERE run_id = ? AND epoch = ?")
        .bind(blob(held.run_id.uuid()))
        .bind(held.fence.epoch as i64)
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let end: Option<&str> = row.try_get(0).or_store_error()?;
    end.map(|end| parsed("end of an attempt", &format!("\"{end}\""))).transpose()
}

fn to_the_microsecond(completion: Completion) -> Completion {
    match completion {
        Completion::Retry { error, timed_out, not_before } => {
            Completion::Retry { error, timed_out, not_before: trimmed(not_before) }
        }
        Completion::Release { not_before } => Completion::Release { not_before: trimmed(not_before) },
        ended => ended,
    }
}

fn lost(held: Held) -> Error {
    wren_core::store::not_allowed(held.run_id, TransitionError::LostClaim)
}
