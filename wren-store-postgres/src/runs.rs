//! Runs and their attempts, within a transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;
use wren_core::model::{AttemptEnd, Run};
use wren_core::store::Held;
use wren_core::store::kit::{AttemptEnded, AttemptStarted, Changes, Detail, RunProgress, json};
use wren_core::{DeploymentId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::rows::{self, Columns, micros, number, quoted_word, run_columns, unquoted_word};

/// Inserts new runs, queued or skipped.
pub(crate) async fn insert(connection: &mut PgConnection, runs: &[Run]) -> Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let policies = runs.iter().map(|run| json(&run.policy)).collect::<Result<Vec<_>>>()?;
    let errors = runs.iter().map(|run| run.error.as_ref().map(json).transpose()).collect::<Result<Vec<_>>>()?;
    let payloads = runs.iter().map(|run| run.payload.as_ref().map(json).transpose()).collect::<Result<Vec<_>>>()?;
    sqlx::query(
        "INSERT INTO runs (id, owner, deployment_id, revision, trigger_id, kind, func, dedupe_key, scheduled_for, serial, \
         policy, correlation_id, created_at, state, skip_reason, attempt, failures, orphaned, not_before, epoch, \
         cancel_requested, completed_at, error, payload) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[], $6::text[], $7::text[], \
         $8::bytea[], $9::bigint[], $10::boolean[], $11::text[], $12::text[], $13::bigint[], $14::text[], $15::text[], \
         $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::boolean[], $22::bigint[], \
         $23::text[], $24::text[])",
    )
    .bind(runs.iter().map(|run| run.id.uuid()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.owner.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.deployment_id.uuid()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| i64::from(run.revision)).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.trigger_id.map(|id| id.uuid())).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.trigger.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.func.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.key.dedupe_key().into_bytes()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| micros(run.scheduled_for)).collect::<Vec<_>>())
    .bind(runs.iter().map(Run::is_serial).collect::<Vec<_>>())
    .bind(policies)
    .bind(runs.iter().map(|run| run.correlation_id.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| micros(run.created_at)).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.state.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.skip_reason.map(|reason| reason.as_str())).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| i64::from(run.attempt)).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| i64::from(run.failures)).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| i64::from(run.orphaned)).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| micros(run.not_before)).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.epoch as i64).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.cancel_requested).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.completed_at.map(micros)).collect::<Vec<_>>())
    .bind(errors)
    .bind(payloads)
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Returns those of the runs that exist, and locks them. A `claim` waits for no lock: it gets those that are still queued and
/// that nobody else has locked.
pub(crate) async fn load(
    connection: &mut PgConnection,
    ids: &[RunId],
    detail: Detail,
    claim: bool,
) -> Result<HashMap<RunId, Run>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    const WHOLE: &str =
        concat!("SELECT ", run_columns!(), " FROM runs r WHERE r.id = ANY($1) ORDER BY r.id FOR UPDATE");
    const LIGHT: &str =
        concat!("SELECT ", run_columns!(light), " FROM runs r WHERE r.id = ANY($1) ORDER BY r.id FOR UPDATE");
    const CLAIM: &str = concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs r WHERE r.id = ANY($1) AND r.state = 'queued' ORDER BY r.id FOR UPDATE SKIP LOCKED"
    );
    let text = match detail {
        _ if claim => CLAIM,
        Detail::Whole => WHOLE,
        Detail::Light => LIGHT,
    };
    let rows = sqlx::query(text)
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .or_store_error()?;
    rows.iter().map(|row| rows::run(&mut Columns::new(row)).map(|run| (run.id, run))).collect()
}

/// Returns the queued and running runs of a deployment, or of one of its triggers, oldest first, and locks them.
pub(crate) async fn active(
    connection: &mut PgConnection,
    deployment: DeploymentId,
    trigger: Option<TriggerId>,
) -> Result<Vec<Run>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs r WHERE r.deployment_id = $1 AND ($2::uuid IS NULL OR r.trigger_id = $2) AND r.completed_at IS NULL \
         ORDER BY r.id FOR UPDATE"
    ))
    .bind(deployment.uuid())
    .bind(trigger.map(|id| id.uuid()))
    .fetch_all(connection)
    .await
    .or_store_error()?;
    let mut runs: Vec<Run> = rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect::<Result<_>>()?;
    runs.sort_by_key(|run| (run.scheduled_for, run.id));
    Ok(runs)
}

/// Returns how the attempt of a claim ended, if it has.
pub(crate) async fn attempt_end(connection: &mut PgConnection, held: Held) -> Result<Option<AttemptEnd>> {
    let row = sqlx::query("SELECT ended FROM attempts WHERE run_id = $1 AND epoch = $2")
        .bind(held.run_id.uuid())
        .bind(held.fence.epoch as i64)
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let end: Option<&str> = Columns::new(&row).take()?;
    end.map(|end| unquoted_word("end of an attempt", end)).transpose()
}

/// Writes what has changed of runs and their attempts. Claims and ends, which come by the thousand, take one statement.
pub(crate) async fn change(connection: &mut PgConnection, changes: &Changes) -> Result<()> {
    let changed = changes.runs();
    match (changes.started.as_slice(), changes.ended.as_slice()) {
        ([], []) if changed.is_empty() => return Ok(()),
        ([], []) => bind_runs(sqlx::query(UPDATE), &changed).execute(connection).await.or_store_error()?,
        (started, []) => {
            let statement = bind_started(bind_runs(sqlx::query(UPDATE_AND_START), &changed), started);
            statement.execute(connection).await.or_store_error()?
        }
        ([], ended) => {
            let statement = bind_ended(bind_runs(sqlx::query(UPDATE_AND_END), &changed), ended)?;
            statement.execute(connection).await.or_store_error()?
        }
        (started, ended) => {
            let statement = bind_started(bind_runs(sqlx::query(UPDATE_AND_START), &changed), started);
            statement.execute(&mut *connection).await.or_store_error()?;
            // What began in this very transaction may have ended in it, which one statement would not see.
            bind_ended(bind_runs(sqlx::query(UPDATE_AND_END), &changed), ended)?
                .execute(connection)
                .await
                .or_store_error()?
        }
    };
    Ok(())
}

macro_rules! update {
    () => {
        "UPDATE runs SET state = v.state, skip_reason = v.skip_reason, attempt = v.attempt, failures = v.failures, \
         orphaned = v.orphaned, not_before = v.not_before, epoch = v.epoch, worker = v.worker, \
         lease_until = v.lease_until, cancel_requested = v.cancel_requested, started_at = v.started_at, \
         completed_at = v.completed_at, isolation = v.isolation, error = v.error, result = v.result \
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
         $8::bigint[], $9::text[], $10::bigint[], $11::boolean[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], \
         $16::text[]) AS v (id, state, skip_reason, attempt, failures, orphaned, not_before, epoch, worker, lease_until, \
         cancel_requested, started_at, completed_at, isolation, error, result) WHERE runs.id = v.id"
    };
}

const UPDATE: &str = update!();
const UPDATE_AND_START: &str = concat!(
    "WITH started AS (INSERT INTO attempts (run_id, epoch, number, worker, started_at) \
     SELECT * FROM unnest($17::uuid[], $18::bigint[], $19::bigint[], $20::text[], $21::bigint[])) ",
    update!()
);
const UPDATE_AND_END: &str = concat!(
    "WITH ended AS (UPDATE attempts SET ended_at = w.ended_at, ended = w.ended, error = w.error \
     FROM unnest($17::uuid[], $18::bigint[], $19::bigint[], $20::text[], $21::text[]) \
     AS w (run_id, epoch, ended_at, ended, error) WHERE attempts.run_id = w.run_id AND attempts.epoch = w.epoch) ",
    update!()
);

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind_runs<'q>(statement: Statement<'q>, changed: &[&RunProgress]) -> Statement<'q> {
    let owned = |text: &Option<String>| text.clone();
    statement
        .bind(changed.iter().map(|one| one.run.id.uuid()).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.run.state.as_str()).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.skip_reason.map(|reason| reason.as_str())).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| i64::from(one.attempt)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| i64::from(one.failures)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| i64::from(one.orphaned)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| micros(one.run.not_before)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.epoch as i64).collect::<Vec<_>>())
        .bind(
            changed.iter().map(|one| one.worker.as_ref().map(|worker| worker.as_str().to_owned())).collect::<Vec<_>>(),
        )
        .bind(changed.iter().map(|one| one.run.lease_until.map(micros)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.cancel_requested).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.started_at.map(micros)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.completed_at.map(micros)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| owned(&one.isolation)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| owned(&one.error)).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| owned(&one.result)).collect::<Vec<_>>())
}

fn bind_started<'q>(statement: Statement<'q>, started: &[AttemptStarted]) -> Statement<'q> {
    statement
        .bind(started.iter().map(|one| one.run.uuid()).collect::<Vec<_>>())
        .bind(started.iter().map(|one| one.epoch as i64).collect::<Vec<_>>())
        .bind(started.iter().map(|one| i64::from(one.number)).collect::<Vec<_>>())
        .bind(started.iter().map(|one| one.worker.as_str().to_owned()).collect::<Vec<_>>())
        .bind(started.iter().map(|one| micros(one.at)).collect::<Vec<_>>())
}

fn bind_ended<'q>(statement: Statement<'q>, ended: &[AttemptEnded]) -> Result<Statement<'q>> {
    let ends = ended.iter().map(|one| quoted_word(&one.end)).collect::<Result<Vec<_>>>()?;
    Ok(statement
        .bind(ended.iter().map(|one| one.run.uuid()).collect::<Vec<_>>())
        .bind(ended.iter().map(|one| one.epoch as i64).collect::<Vec<_>>())
        .bind(ended.iter().map(|one| micros(one.at)).collect::<Vec<_>>())
        .bind(ends)
        .bind(ended.iter().map(|one| one.error.clone()).collect::<Vec<_>>()))
}

/// Deletes terminal runs; attempts and logs go with their run by their foreign keys.
pub(crate) async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: usize) -> Result<usize> {
    let deleted = sqlx::query(
        "DELETE FROM runs WHERE id = ANY(ARRAY(SELECT id FROM runs WHERE completed_at < $1 \
         ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
    )
    .bind(micros(before))
    .bind(number(limit))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX))
}

/// Reads an id that a statement returned alone.
pub(crate) fn id(row: &sqlx::postgres::PgRow) -> Result<RunId> {
    Ok(RunId::from_uuid(Columns::new(row).take::<Uuid>()?))
}
