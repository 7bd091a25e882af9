//! The tables of runs and attempts: every statement that writes a run stands here.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};
use wren_core::model::{Run, RunEvent, Transition, TransitionError};
use wren_core::{Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{self, Columns, blob, json, micros, run_columns};
use crate::sql::{pieces, with_list, with_rows};

/// Inserts new runs, queued or skipped.
pub(crate) async fn insert(connection: &mut SqliteConnection, runs: &[Run]) -> Result<()> {
    const COLUMNS: usize = 23;
    for piece in pieces(runs) {
        let mut statement = with_rows(
            "INSERT INTO runs (id, owner, deployment_id, revision, trigger_id, kind, func, dedupe_key, scheduled_for, \
             serial, policy, correlation_id, created_at, state, skip_reason, attempt, failures, orphaned, not_before, \
             epoch, cancel_requested, completed_at, payload) VALUES {rows}",
            piece.len(),
            COLUMNS,
        );
        for run in piece {
            statement = statement
                .bind(blob(run.id.uuid()))
                .bind(run.owner.as_str().to_owned())
                .bind(blob(run.deployment_id.uuid()))
                .bind(i64::from(run.revision))
                .bind(run.trigger_id.map(|id| blob(id.uuid())))
                .bind(run.trigger.as_str())
                .bind(run.func.clone())
                .bind(run.key.dedupe_key())
                .bind(micros(run.scheduled_for))
                .bind(run.is_serial())
                .bind(json(&run.policy)?)
                .bind(run.correlation_id.as_str().to_owned())
                .bind(micros(run.created_at))
                .bind(run.state.as_str())
                .bind(run.skip_reason.map(|reason| reason.as_str()))
                .bind(i64::from(run.attempt))
                .bind(i64::from(run.failures))
                .bind(i64::from(run.orphaned))
                .bind(micros(run.not_before))
                .bind(run.epoch as i64)
                .bind(run.cancel_requested)
                .bind(run.completed_at.map(micros))
                .bind(run.payload.as_ref().map(json).transpose()?);
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

/// Returns those of the runs that exist.
pub(crate) async fn load(connection: &mut SqliteConnection, ids: &[RunId]) -> Result<HashMap<RunId, Run>> {
    load_with(connection, ids, concat!("SELECT ", run_columns!(), " FROM runs r WHERE r.id IN ({list})")).await
}

/// Returns those of the runs that exist, without payload and result: for changes that bear on neither.
pub(crate) async fn load_light(connection: &mut SqliteConnection, ids: &[RunId]) -> Result<HashMap<RunId, Run>> {
    load_with(connection, ids, concat!("SELECT ", run_columns!(light), " FROM runs r WHERE r.id IN ({list})")).await
}

async fn load_with(
    connection: &mut SqliteConnection,
    ids: &[RunId],
    template: &str,
) -> Result<HashMap<RunId, Run>> {
    let mut found = HashMap::with_capacity(ids.len());
    for piece in pieces(ids) {
        let mut statement = with_list(template, piece.len());
        for id in piece {
            statement = statement.bind(blob(id.uuid()));
        }
        for row in statement.fetch_all(&mut *connection).await.or_store_error()? {
            let run = rows::run(&mut Columns::new(&row))?;
            found.insert(run.id, run);
        }
    }
    Ok(found)
}

/// Returns the last log number of each of the runs that has one.
pub(crate) async fn last_lines(connection: &mut SqliteConnection, ids: &[RunId]) -> Result<HashMap<RunId, u64>> {
    let mut found = HashMap::with_capacity(ids.len());
    for piece in pieces(ids) {
        // Not GROUP BY, which would read every line of the runs: the subquery looks at the last one only.
        let mut statement = with_list(
            "SELECT r.id, (SELECT max(l.seq) FROM logs l WHERE l.run_id = r.id) FROM runs r WHERE r.id IN ({list})",
            piece.len(),
        );
        for id in piece {
            statement = statement.bind(blob(id.uuid()));
        }
        for row in statement.fetch_all(&mut *connection).await.or_store_error()? {
            let id = RunId::from_uuid(rows::uuid(row.try_get(0).or_store_error()?)?);
            if let Some(seq) = row.try_get::<Option<i64>, _>(1).or_store_error()? {
                found.insert(id, rows::unsigned("log number", seq)?);
            }
        }
    }
    Ok(found)
}

/// Changes that were applied to runs and are not yet written.
#[derive(Default)]
pub(crate) struct Changes {
    runs: Vec<Run>,
    started: Vec<Run>,
    ended: Vec<Ended>,
}

struct Ended {
    run: RunId,
    epoch: u64,
    end: String,
    error: Option<String>,
    at: DateTime<Utc>,
}

impl Changes {
    /// Applies an event to a run and keeps what is to be written.
    pub(crate) fn apply(
        &mut self,
        run: &mut Run,
        event: RunEvent,
        now: DateTime<Utc>,
    ) -> Result<Result<(), TransitionError>> {
        let transition = match run.apply(event, now) {
            Ok(transition) => transition,
            Err(refused) => return Ok(Err(refused)),
        };
        match transition {
            Transition::Started => self.started.push(run.clone()),
            Transition::Ended { end, error } => self.ended.push(Ended {
                run: run.id,
                epoch: run.epoch,
                // The serialised word without its quotes.
                end: json(&end)?.trim_matches('"').to_owned(),
                error: error.as_ref().map(json).transpose()?,
                at: run.started_at.map_or(now, |started| started.max(now)),
            }),
            Transition::Extended | Transition::Closed | Transition::CancelRequested => {}
        }
        self.runs.push(run.clone());
        Ok(Ok(()))
    }

    /// Writes the changes. A run that changed twice is written as it was last.
    pub(crate) async fn write(self, connection: &mut SqliteConnection) -> Result<()> {
        let mut last: HashMap<RunId, Run> = HashMap::with_capacity(self.runs.len());
        for run in self.runs {
            last.insert(run.id, run);
        }
        let runs: Vec<Run> = last.into_values().collect();
        update(connection, &runs).await?;
        start_attempts(connection, &self.started).await?;
        end_attempts(connection, &self.ended).await
    }
}

/// Writes the part of runs that changes.
async fn update(connection: &mut SqliteConnection, runs: &[Run]) -> Result<()> {
    const COLUMNS: usize = 16;
    for piece in pieces(runs) {
        let mut statement = with_rows(
            "WITH v (id, state, skip_reason, attempt, failures, orphaned, not_before, epoch, worker, lease_until, \
             cancel_requested, started_at, completed_at, isolation, error, result) AS (VALUES {rows}) \
             UPDATE runs SET state = v.state, skip_reason = v.skip_reason, attempt = v.attempt, failures = v.failures, \
             orphaned = v.orphaned, not_before = v.not_before, epoch = v.epoch, worker = v.worker, \
             lease_until = v.lease_until, cancel_requested = v.cancel_requested, started_at = v.started_at, \
             completed_at = v.completed_at, isolation = v.isolation, error = v.error, result = v.result \
             FROM v WHERE runs.id = v.id",
            piece.len(),
            COLUMNS,
        );
        for run in piece {
            statement = statement
                .bind(blob(run.id.uuid()))
                .bind(run.state.as_str())
                .bind(run.skip_reason.map(|reason| reason.as_str()))
                .bind(i64::from(run.attempt))
                .bind(i64::from(run.failures))
                .bind(i64::from(run.orphaned))
                .bind(micros(run.not_before))
                .bind(run.epoch as i64)
                .bind(run.claim.as_ref().map(|claim| claim.worker.as_str().to_owned()))
                .bind(run.claim.as_ref().map(|claim| micros(claim.lease_until)))
                .bind(run.cancel_requested)
                .bind(run.started_at.map(micros))
                .bind(run.completed_at.map(micros))
                .bind(run.isolation.as_ref().map(json).transpose()?)
                .bind(run.error.as_ref().map(json).transpose()?)
                .bind(run.result.as_ref().map(json).transpose()?);
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

async fn start_attempts(connection: &mut SqliteConnection, runs: &[Run]) -> Result<()> {
    for piece in pieces(runs) {
        let mut statement = with_rows(
            "INSERT INTO attempts (run_id, epoch, number, worker, started_at) VALUES {rows}",
            piece.len(),
            5,
        );
        for run in piece {
            statement = statement
                .bind(blob(run.id.uuid()))
                .bind(run.epoch as i64)
                .bind(i64::from(run.attempt))
                .bind(run.claim.as_ref().map(|claim| claim.worker.as_str().to_owned()))
                .bind(run.started_at.map(micros));
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

async fn end_attempts(connection: &mut SqliteConnection, ended: &[Ended]) -> Result<()> {
    for piece in pieces(ended) {
        let mut statement = with_rows(
            "WITH v (run_id, epoch, ended_at, end, error) AS (VALUES {rows}) \
             UPDATE attempts SET ended_at = v.ended_at, end = v.end, error = v.error \
             FROM v WHERE attempts.run_id = v.run_id AND attempts.epoch = v.epoch",
            piece.len(),
            5,
        );
        for attempt in piece {
            statement = statement
                .bind(blob(attempt.run.uuid()))
                .bind(attempt.epoch as i64)
                .bind(micros(attempt.at))
                .bind(attempt.end.clone())
                .bind(attempt.error.clone());
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}
