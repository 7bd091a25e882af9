//! Writing what has changed of runs and their attempts.

use sqlx::SqliteConnection;
use wren_core::Result;
use wren_core::store::kit::{AttemptEnded, AttemptStarted, Changes, RunProgress};

use crate::error::OrStoreError;
use crate::rows::{blob, micros, quoted_word};
use crate::sql::{pieces, with_rows};

/// Writes the changes.
pub(crate) async fn write(connection: &mut SqliteConnection, changes: &Changes) -> Result<()> {
    update(connection, &changes.runs()).await?;
    start_attempts(connection, &changes.started).await?;
    end_attempts(connection, &changes.ended).await
}

pub(crate) const UPDATE: &str = "WITH v (id, state, skip_reason, attempt, failures, orphaned, not_before, epoch, worker, \
     lease_until, cancel_requested, started_at, completed_at, isolation, error, result) AS (VALUES {rows}) \
     UPDATE runs SET state = v.state, skip_reason = v.skip_reason, attempt = v.attempt, failures = v.failures, \
     orphaned = v.orphaned, not_before = v.not_before, epoch = v.epoch, worker = v.worker, \
     lease_until = v.lease_until, cancel_requested = v.cancel_requested, started_at = v.started_at, \
     completed_at = v.completed_at, isolation = v.isolation, error = v.error, result = v.result \
     FROM v WHERE runs.id = v.id";

async fn update(connection: &mut SqliteConnection, changed: &[&RunProgress]) -> Result<()> {
    for piece in pieces(changed) {
        let mut statement = with_rows(UPDATE, piece.len(), 16);
        for progress in piece {
            statement = statement
                .bind(blob(progress.run.id.uuid()))
                .bind(progress.run.state.as_str())
                .bind(progress.skip_reason.map(|reason| reason.as_str()))
                .bind(i64::from(progress.attempt))
                .bind(i64::from(progress.failures))
                .bind(i64::from(progress.orphaned))
                .bind(micros(progress.run.not_before))
                .bind(progress.epoch as i64)
                .bind(progress.worker.as_ref().map(|worker| worker.as_str().to_owned()))
                .bind(progress.run.lease_until.map(micros))
                .bind(progress.cancel_requested)
                .bind(progress.started_at.map(micros))
                .bind(progress.completed_at.map(micros))
                .bind(progress.isolation.clone())
                .bind(progress.error.clone())
                .bind(progress.result.clone());
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

async fn start_attempts(connection: &mut SqliteConnection, started: &[AttemptStarted]) -> Result<()> {
    for piece in pieces(started) {
        let mut statement =
            with_rows("INSERT INTO attempts (run_id, epoch, number, worker, started_at) VALUES {rows}", piece.len(), 5);
        for attempt in piece {
            statement = statement
                .bind(blob(attempt.run.uuid()))
                .bind(attempt.epoch as i64)
                .bind(i64::from(attempt.number))
                .bind(attempt.worker.as_str().to_owned())
                .bind(micros(attempt.at));
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

pub(crate) const END_ATTEMPTS: &str = "WITH v (run_id, epoch, ended_at, end, error) AS (VALUES {rows}) \
     UPDATE attempts SET ended_at = v.ended_at, end = v.end, error = v.error \
     FROM v WHERE attempts.run_id = v.run_id AND attempts.epoch = v.epoch";

async fn end_attempts(connection: &mut SqliteConnection, ended: &[AttemptEnded]) -> Result<()> {
    for piece in pieces(ended) {
        let mut statement = with_rows(END_ATTEMPTS, piece.len(), 5);
        for attempt in piece {
            statement = statement
                .bind(blob(attempt.run.uuid()))
                .bind(attempt.epoch as i64)
                .bind(micros(attempt.at))
                .bind(quoted_word(&attempt.end)?)
                .bind(attempt.error.clone());
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}
