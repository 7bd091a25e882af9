//! What runs printed.

use std::collections::HashMap;

use async_trait::async_trait;

use super::job::Operation;
use super::tables::{Detail, NewLine, Tables};
use crate::error::Result;
use crate::id::RunId;
use crate::model::{LogLine, Run, RunState};
use crate::store::{AppendLogs, Held};

/// Says whether the claim is the run's current one.
pub(super) fn holds(run: &Run, held: Held) -> bool {
    run.state == RunState::Running && run.epoch == held.fence.epoch
}

/// Appends lines.
pub(super) struct Append {
    pub(super) batch: Vec<AppendLogs>,
}

#[async_trait]
impl Operation for Append {
    type Output = Vec<bool>;

    /// All calls of a batch share the statements, so that the lines of many runs cost as much as those of one.
    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Vec<bool>>>> {
        let ids: Vec<RunId> = operations.iter().flat_map(|one| &one.batch).map(|logs| logs.held.run_id).collect();
        let runs = tables.runs(&ids, Detail::Light).await?;
        let mut appending = Appending::after(tables.last_lines(&ids).await?);
        let mut answers = Vec::with_capacity(operations.len());
        for operation in operations {
            let outcomes = operation.batch.iter().map(|logs| match runs.get(&logs.held.run_id) {
                Some(run) if holds(run, logs.held) => {
                    appending.add(run, &logs.lines);
                    true
                }
                Some(_) | None => false,
            });
            answers.push(Ok(outcomes.collect()));
        }
        tables.append_lines(&appending.lines).await?;
        Ok(answers)
    }
}

/// Lines that got their numbers and are not yet written.
pub(super) struct Appending<'lines> {
    last: HashMap<RunId, u64>,
    pub(super) lines: Vec<NewLine<'lines>>,
}

impl<'lines> Appending<'lines> {
    /// Starts after the last number of each run; runs not in the map have no lines yet.
    pub(super) fn after(last: HashMap<RunId, u64>) -> Self {
        Self { last, lines: Vec::new() }
    }

    /// Adds lines of a run's current attempt.
    pub(super) fn add(&mut self, run: &Run, lines: &'lines [LogLine]) {
        let last = self.last.entry(run.id).or_default();
        for line in lines {
            *last += 1;
            self.lines.push(NewLine { run: run.id, seq: *last, attempt: run.attempt, line });
        }
    }
}
