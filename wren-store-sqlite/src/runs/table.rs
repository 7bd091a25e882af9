//! The table of runs: inserting and loading by id.

use std::collections::HashMap;

use sqlx::{Row, SqliteConnection};
use wren_core::model::{AttemptEnd, Run};
use wren_core::store::Held;
use wren_core::store::kit::{Detail, json};
use wren_core::{DeploymentId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::rows::{self, Columns, blob, micros, run_columns};
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

pub(crate) const LOAD: &str = concat!("SELECT ", run_columns!(), " FROM runs r WHERE r.id IN ({list})");

const LOAD_LIGHT: &str = concat!("SELECT ", run_columns!(light), " FROM runs r WHERE r.id IN ({list})");

/// Returns those of the runs that exist.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    ids: &[RunId],
    detail: Detail,
) -> Result<HashMap<RunId, Run>> {
    let template = match detail {
        Detail::Whole => LOAD,
        Detail::Light => LOAD_LIGHT,
    };
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

// Not GROUP BY, which would read every line of the runs: the subquery looks at the last one only.
pub(crate) const LAST_LINES: &str =
    "SELECT r.id, (SELECT max(l.seq) FROM logs l WHERE l.run_id = r.id) FROM runs r WHERE r.id IN ({list})";

/// Returns the last log number of each of the runs that has one.
pub(crate) async fn last_lines(connection: &mut SqliteConnection, ids: &[RunId]) -> Result<HashMap<RunId, u64>> {
    let mut found = HashMap::with_capacity(ids.len());
    for piece in pieces(ids) {
        let mut statement = with_list(LAST_LINES, piece.len());
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

pub(crate) const ACTIVE: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM runs r WHERE r.deployment_id = ? AND r.trigger_id = ? AND r.completed_at IS NULL \
     ORDER BY r.scheduled_for, r.id"
);

/// Returns the queued and running runs of a trigger, oldest first.
pub(crate) async fn active_of_trigger(
    connection: &mut SqliteConnection,
    deployment: DeploymentId,
    trigger: TriggerId,
) -> Result<Vec<Run>> {
    let rows = sqlx::query(ACTIVE)
        .bind(blob(deployment.uuid()))
        .bind(blob(trigger.uuid()))
        .fetch_all(connection)
        .await
        .or_store_error()?;
    rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect()
}

/// Returns the queued and running runs of a deployment.
pub(crate) async fn active_of_deployment(connection: &mut SqliteConnection, id: DeploymentId) -> Result<Vec<Run>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs r WHERE r.deployment_id = ? AND r.completed_at IS NULL"
    ))
    .bind(blob(id.uuid()))
    .fetch_all(connection)
    .await
    .or_store_error()?;
    rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect()
}

/// Returns how the attempt of a claim ended, if it has.
pub(crate) async fn attempt_end(connection: &mut SqliteConnection, held: Held) -> Result<Option<AttemptEnd>> {
    let row = sqlx::query("SELECT end FROM attempts WHERE run_id = ? AND epoch = ?")
        .bind(blob(held.run_id.uuid()))
        .bind(held.fence.epoch as i64)
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let end: Option<&str> = row.try_get(0).or_store_error()?;
    end.map(|end| rows::unquoted_word("end of an attempt", end)).transpose()
}
