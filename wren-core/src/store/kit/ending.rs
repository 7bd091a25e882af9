//! The ends of attempts.

use std::collections::HashMap;

use async_trait::async_trait;

use super::changes::Changes;
use super::job::Operation;
use super::printing::{Appending, holds};
use super::tables::{Detail, Tables};
use super::trimmed;
use crate::error::{Error, Result};
use crate::id::RunId;
use crate::model::{AttemptEnd, Completion, Run, RunEvent, TransitionError};
use crate::store::{FinishOptions, Held, not_allowed};

/// Ends an attempt.
pub(super) struct Finish {
    pub(super) options: FinishOptions,
}

#[async_trait]
impl Operation for Finish {
    type Output = Run;

    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Run>>> {
        let ids: Vec<RunId> = operations.iter().map(|operation| operation.options.held.run_id).collect();
        let mut runs = tables.runs(&ids, Detail::Whole).await?;
        let printing: Vec<RunId> = operations
            .iter()
            .filter(|operation| !operation.options.logs.is_empty())
            .map(|operation| operation.options.held.run_id)
            .collect();
        let mut appending = Appending::after(tables.last_lines(&printing).await?);
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
                    // What tells a repeated call from a lost claim.
                    None => tables.attempt_end(held).await?,
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
        tables.append_lines(&appending.lines).await?;
        tables.change_runs(changes).await?;
        Ok(answers)
    }
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
    not_allowed(held.run_id, TransitionError::LostClaim)
}
