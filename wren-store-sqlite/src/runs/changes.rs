//! Changes of runs: applied through the state machine, then written together.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::model::{Run, RunEvent, Transition, TransitionError};
use wren_core::{Result, RunId, WorkerId};

use crate::error::OrStoreError;
use crate::rows::{blob, json, micros};
use crate::sql::{pieces, with_rows};

/// Changes that were applied to runs and are not yet written.
#[derive(Default)]
pub(crate) struct Changes {
    changed: HashMap<RunId, Changed>,
    started: Vec<Started>,
    ended: Vec<Ended>,
}

/// The part of a run that changes, as its columns hold it. Not the run itself: its payload may be large.
struct Changed {
    state: &'static str,
    skip_reason: Option<&'static str>,
    attempt: u32,
    failures: u32,
    orphaned: u32,
    not_before: i64,
    epoch: u64,
    worker: Option<WorkerId>,
    lease_until: Option<i64>,
    cancel_requested: bool,
    started_at: Option<i64>,
    completed_at: Option<i64>,
    isolation: Option<String>,
    error: Option<String>,
    result: Option<String>,
}

struct Started {
    run: RunId,
    epoch: u64,
    number: u32,
    worker: WorkerId,
    at: i64,
}

struct Ended {
    run: RunId,
    epoch: u64,
    end: String,
    error: Option<String>,
    at: i64,
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
            Transition::Started => self.started.extend(run.claim.as_ref().map(|claim| Started {
                run: run.id,
                epoch: run.epoch,
                number: run.attempt,
                worker: claim.worker.clone(),
                at: micros(now),
            })),
            Transition::Ended { end, error } => self.ended.push(Ended {
                run: run.id,
                epoch: run.epoch,
                // The serialised word without its quotes.
                end: json(&end)?.trim_matches('"').to_owned(),
                error: error.as_ref().map(json).transpose()?,
                at: micros(run.started_at.map_or(now, |started| started.max(now))),
            }),
            Transition::Extended | Transition::Closed | Transition::CancelRequested => {}
        }
        // A run that changes twice is written as it was last.
        self.changed.insert(run.id, Changed::of(run)?);
        Ok(Ok(()))
    }

    /// Writes the changes.
    pub(crate) async fn write(self, connection: &mut SqliteConnection) -> Result<()> {
        let changed: Vec<(RunId, Changed)> = self.changed.into_iter().collect();
        update(connection, &changed).await?;
        start_attempts(connection, &self.started).await?;
        end_attempts(connection, &self.ended).await
    }
}

impl Changed {
    fn of(run: &Run) -> Result<Self> {
        Ok(Self {
            state: run.state.as_str(),
            skip_reason: run.skip_reason.map(|reason| reason.as_str()),
            attempt: run.attempt,
            failures: run.failures,
            orphaned: run.orphaned,
            not_before: micros(run.not_before),
            epoch: run.epoch,
            worker: run.claim.as_ref().map(|claim| claim.worker.clone()),
            lease_until: run.claim.as_ref().map(|claim| micros(claim.lease_until)),
            cancel_requested: run.cancel_requested,
            started_at: run.started_at.map(micros),
            completed_at: run.completed_at.map(micros),
            isolation: run.isolation.as_ref().map(json).transpose()?,
            error: run.error.as_ref().map(json).transpose()?,
            result: run.result.as_ref().map(json).transpose()?,
        })
    }
}

pub(crate) const UPDATE: &str = "WITH v (id, state, skip_reason, attempt, failures, orphaned, not_before, epoch, worker, \
     lease_until, cancel_requested, started_at, completed_at, isolation, error, result) AS (VALUES {rows}) \
     UPDATE runs SET state = v.state, skip_reason = v.skip_reason, attempt = v.attempt, failures = v.failures, \
     orphaned = v.orphaned, not_before = v.not_before, epoch = v.epoch, worker = v.worker, \
     lease_until = v.lease_until, cancel_requested = v.cancel_requested, started_at = v.started_at, \
     completed_at = v.completed_at, isolation = v.isolation, error = v.error, result = v.result \
     FROM v WHERE runs.id = v.id";

async fn update(connection: &mut SqliteConnection, changed: &[(RunId, Changed)]) -> Result<()> {
    for piece in pieces(changed) {
        let mut statement = with_rows(UPDATE, piece.len(), 16);
        for (id, run) in piece {
            statement = statement
                .bind(blob(id.uuid()))
                .bind(run.state)
                .bind(run.skip_reason)
                .bind(i64::from(run.attempt))
                .bind(i64::from(run.failures))
                .bind(i64::from(run.orphaned))
                .bind(run.not_before)
                .bind(run.epoch as i64)
                .bind(run.worker.as_ref().map(|worker| worker.as_str().to_owned()))
                .bind(run.lease_until)
                .bind(run.cancel_requested)
                .bind(run.started_at)
                .bind(run.completed_at)
                .bind(run.isolation.clone())
                .bind(run.error.clone())
                .bind(run.result.clone());
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

async fn start_attempts(connection: &mut SqliteConnection, started: &[Started]) -> Result<()> {
    for piece in pieces(started) {
        let mut statement =
            with_rows("INSERT INTO attempts (run_id, epoch, number, worker, started_at) VALUES {rows}", piece.len(), 5);
        for attempt in piece {
            statement = statement
                .bind(blob(attempt.run.uuid()))
                .bind(attempt.epoch as i64)
                .bind(i64::from(attempt.number))
                .bind(attempt.worker.as_str().to_owned())
                .bind(attempt.at);
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

pub(crate) const END_ATTEMPTS: &str = "WITH v (run_id, epoch, ended_at, end, error) AS (VALUES {rows}) \
     UPDATE attempts SET ended_at = v.ended_at, end = v.end, error = v.error \
     FROM v WHERE attempts.run_id = v.run_id AND attempts.epoch = v.epoch";

async fn end_attempts(connection: &mut SqliteConnection, ended: &[Ended]) -> Result<()> {
    for piece in pieces(ended) {
        let mut statement = with_rows(END_ATTEMPTS, piece.len(), 5);
        for attempt in piece {
            statement = statement
                .bind(blob(attempt.run.uuid()))
                .bind(attempt.epoch as i64)
                .bind(attempt.at)
                .bind(attempt.end.clone())
                .bind(attempt.error.clone());
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}
