//! What runs printed.

use std::collections::HashMap;

use sqlx::{SqliteConnection, SqlitePool};
use wren_core::model::{LogEntry, LogLine, LogStream, Run, RunState};
use wren_core::store::{AppendLogs, Held};
use wren_core::{OwnerId, Result, RunId};

use super::table;
use crate::error::OrStoreError;
use crate::rows::{Columns, blob, micros, word};
use crate::sql::{pieces, with_rows};
use crate::writer::Operation;

/// Says whether the claim is the run's current one.
pub(super) fn holds(run: &Run, held: Held) -> bool {
    run.state == RunState::Running && run.epoch == held.fence.epoch
}

/// Appends lines.
pub(super) struct Append {
    pub(super) batch: Vec<AppendLogs>,
}

impl Operation for Append {
    type Output = Vec<bool>;

    /// All calls of a batch share the statements, so that the lines of many runs cost as much as those of one.
    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Vec<bool>>>> {
        let ids: Vec<RunId> = operations.iter().flat_map(|one| &one.batch).map(|logs| logs.held.run_id).collect();
        let runs = table::load_light(connection, &ids).await?;
        let mut appending = Appending::after(table::last_lines(connection, &ids).await?);
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
        appending.write(connection).await?;
        Ok(answers)
    }
}

/// Lines that got their numbers and are not yet written.
pub(super) struct Appending<'lines> {
    last: HashMap<RunId, u64>,
    lines: Vec<(RunId, u64, u32, &'lines LogLine)>,
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
            self.lines.push((run.id, *last, run.attempt, line));
        }
    }

    pub(super) async fn write(self, connection: &mut SqliteConnection) -> Result<()> {
        for piece in pieces(&self.lines) {
            let mut statement =
                with_rows("INSERT INTO logs (run_id, seq, attempt, at, stream, text) VALUES {rows}", piece.len(), 6);
            for (run, seq, attempt, line) in piece {
                statement = statement
                    .bind(blob(run.uuid()))
                    .bind(*seq as i64)
                    .bind(i64::from(*attempt))
                    .bind(micros(line.at))
                    .bind(line.stream.as_str())
                    .bind(line.text.clone());
            }
            statement.execute(&mut *connection).await.or_store_error()?;
        }
        Ok(())
    }
}

pub(crate) const READ: &str = "SELECT l.seq, l.at, l.attempt, l.stream, l.text \
     FROM runs r LEFT JOIN logs l ON l.run_id = r.id AND l.seq > ? \
     WHERE r.id = ? AND r.owner = ? ORDER BY l.seq LIMIT ?";

/// Reads a run's lines; the run and its lines in one statement, and so from one snapshot.
pub(super) async fn read(
    readers: &SqlitePool,
    owner: &OwnerId,
    id: RunId,
    after_seq: u64,
    limit: usize,
) -> Result<Vec<LogEntry>> {
    let rows = sqlx::query(READ)
        .bind(i64::try_from(after_seq).unwrap_or(i64::MAX))
        .bind(blob(id.uuid()))
        .bind(owner.as_str().to_owned())
        // Without a row there is no telling a run that printed nothing from one that does not exist.
        .bind(i64::try_from(limit.max(1)).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    if rows.is_empty() {
        return Err(wren_core::store::no_run(id));
    }
    let mut entries = Vec::with_capacity(rows.len().min(limit));
    for row in rows.iter().take(limit) {
        let mut columns = Columns::new(row);
        let Some(seq) = columns.take::<Option<i64>>()? else { break };
        entries.push(LogEntry {
            seq: crate::rows::unsigned("log number", seq)?,
            at: columns.instant()?,
            attempt: columns.number("attempt")?,
            stream: word("stream", columns.text()?, LogStream::parse)?,
            text: columns.take()?,
        });
    }
    Ok(entries)
}
