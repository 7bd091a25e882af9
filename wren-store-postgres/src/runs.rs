//! Runs and their attempts, within a transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use wren_core::model::{AttemptEnd, Run};
use wren_core::store::Held;
use wren_core::store::kit::{AttemptEnded, AttemptStarted, Changes, Detail, RunProgress, json};
use wren_core::{DeploymentId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::rows::{self, Columns, Statement, micros, number, quoted_word, run_columns, run_tables, unquoted_word};

/// Inserts new runs, queued or skipped.
pub(crate) async fn insert(connection: &mut PgConnection, runs: &[Run]) -> Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let policies = runs.iter().map(|run| json(&run.policy)).collect::<Result<Vec<_>>>()?;
    let errors = runs.iter().map(|run| run.error.as_ref().map(json).transpose()).collect::<Result<Vec<_>>>()?;
    let payloads = runs.iter().map(|run| run.payload.as_ref().map(json).transpose()).collect::<Result<Vec<_>>>()?;
    // One statement, so that the server is asked once.
    sqlx::query(
        "WITH new AS (INSERT INTO runs (id, owner, deployment_id, revision, trigger_id, kind, func, dedupe_key, \
         scheduled_for, policy, correlation_id, created_at, payload) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $5::bigint[], $4::uuid[], $6::text[], $7::text[], \
         $8::bytea[], $9::bigint[], $10::text[], $11::text[], $12::bigint[], $13::text[])) \
         INSERT INTO progress (run_id, owner, deployment_id, trigger_id, scheduled_for, serial, state, skip_reason, attempt, \
         failures, orphaned, not_before, epoch, cancel_requested, completed_at, error) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $9::bigint[], $14::boolean[], $15::text[], \
         $16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::boolean[], \
         $23::bigint[], $24::text[])",
    )
    .bind(runs.iter().map(|run| run.id.uuid()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.owner.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.deployment_id.uuid()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.trigger_id.map(|id| id.uuid())).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| i64::from(run.revision)).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.trigger.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.func.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.key.dedupe_key().into_bytes()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| micros(run.scheduled_for)).collect::<Vec<_>>())
    .bind(policies)
    .bind(runs.iter().map(|run| run.correlation_id.as_str()).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| micros(run.created_at)).collect::<Vec<_>>())
    .bind(payloads)
    .bind(runs.iter().map(Run::is_serial).collect::<Vec<_>>())
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
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Returns those of the runs that exist, and locks them. A `claim` waits for no lock: it gets those that nobody else has locked.
/// Whether they are still queued is for the state machine to say; asked here, PostgreSQL would go through the whole queue.
pub(crate) async fn load(
    connection: &mut PgConnection,
    ids: &[RunId],
    detail: Detail,
    claim: bool,
) -> Result<HashMap<RunId, Run>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    const WHOLE: &str = concat!(
        "SELECT ",
        run_columns!(),
        " FROM ",
        run_tables!(),
        " WHERE p.run_id = ANY($1) ORDER BY p.run_id FOR UPDATE OF p"
    );
    const LIGHT: &str = concat!(
        "SELECT ",
        run_columns!(light),
        " FROM ",
        run_tables!(),
        " WHERE p.run_id = ANY($1) ORDER BY p.run_id FOR UPDATE OF p"
    );
    const CLAIM: &str = concat!(
        "SELECT ",
        run_columns!(),
        " FROM ",
        run_tables!(),
        " WHERE p.run_id = ANY($1) ORDER BY p.run_id FOR UPDATE OF p SKIP LOCKED"
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
        " FROM ",
        run_tables!(),
        " WHERE p.deployment_id = $1 AND ($2::uuid IS NULL OR p.trigger_id = $2) AND p.completed_at IS NULL \
         ORDER BY p.run_id FOR UPDATE OF p"
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
    let row = sqlx::query("SELECT ended FROM all_attempts WHERE run_id = $1 AND epoch = $2 AND ended IS NOT NULL")
        .bind(held.run_id.uuid())
        .bind(held.fence.epoch as i64)
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    row.map(|row| unquoted_word("end of an attempt", Columns::new(&row).take()?)).transpose()
}

/// Writes what has changed of runs, and the attempts that have ended, in one statement.
pub(crate) async fn change(connection: &mut PgConnection, changes: &Changes) -> Result<()> {
    let changed = changes.runs();
    // What both begins and ends in the same changes is a copy of a store; a claim, which begins by the thousand, ends nothing.
    let starts = if changes.ended.is_empty() { &[][..] } else { changes.started.as_slice() };
    let started: HashMap<(RunId, u64), &AttemptStarted> =
        starts.iter().map(|start| ((start.run, start.epoch), start)).collect();
    // A success is all in the progress, whose worker is kept. A copied run never had one there.
    let is_apart = |end: &&AttemptEnded| end.end != AttemptEnd::Success || started.contains_key(&(end.run, end.epoch));
    let ended: Vec<&AttemptEnded> = changes.ended.iter().filter(is_apart).collect();
    let statement = match ended.as_slice() {
        [] if changed.is_empty() => return Ok(()),
        [] => bind_progress(sqlx::query(UPDATE), &changed),
        ended => bind_ended(bind_progress(sqlx::query(UPDATE_AND_END), &changed), ended, &started)?,
    };
    statement.execute(connection).await.or_store_error()?;
    Ok(())
}

macro_rules! update {
    () => {
        "UPDATE progress SET state = v.state, skip_reason = v.skip_reason, attempt = v.attempt, failures = v.failures, \
         orphaned = v.orphaned, not_before = v.not_before, epoch = v.epoch, \
         worker = CASE v.state WHEN 'success' THEN progress.worker ELSE v.worker END, \
         lease_until = v.lease_until, cancel_requested = v.cancel_requested, started_at = v.started_at, \
         completed_at = v.completed_at, isolation = v.isolation, error = v.error, result = v.result \
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
         $8::bigint[], $9::text[], $10::bigint[], $11::boolean[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], \
         $16::text[]) AS v (id, state, skip_reason, attempt, failures, orphaned, not_before, epoch, worker, lease_until, \
         cancel_requested, started_at, completed_at, isolation, error, result) WHERE progress.run_id = v.id"
    };
}

const UPDATE: &str = update!();
/// What began earlier stands in the progress, which the first part of the statement reads as it was before.
const UPDATE_AND_END: &str = concat!(
    "WITH ended AS (INSERT INTO attempts (run_id, epoch, number, worker, started_at, ended_at, ended, error) \
     SELECT w.run_id, w.epoch, coalesce(w.number, p.attempt), coalesce(w.worker, p.worker), \
     coalesce(w.started_at, p.started_at), w.ended_at, w.ended, w.error \
     FROM unnest($17::uuid[], $18::bigint[], $19::bigint[], $20::text[], $21::bigint[], $22::bigint[], $23::text[], \
     $24::text[]) AS w (run_id, epoch, number, worker, started_at, ended_at, ended, error) \
     JOIN progress p ON p.run_id = w.run_id) ",
    update!()
);

fn bind_progress<'q>(statement: Statement<'q>, changed: &[&RunProgress]) -> Statement<'q> {
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
        .bind(changed.iter().map(|one| one.isolation.clone()).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.error.clone()).collect::<Vec<_>>())
        .bind(changed.iter().map(|one| one.result.clone()).collect::<Vec<_>>())
}

/// Binds the ends, and with them the beginnings of those that began in these very changes, as in a copy of a store.
fn bind_ended<'q>(
    statement: Statement<'q>,
    ended: &[&AttemptEnded],
    started: &HashMap<(RunId, u64), &AttemptStarted>,
) -> Result<Statement<'q>> {
    let starts: Vec<_> = ended.iter().map(|end| started.get(&(end.run, end.epoch))).collect();
    let ends = ended.iter().map(|one| quoted_word(&one.end)).collect::<Result<Vec<_>>>()?;
    Ok(statement
        .bind(ended.iter().map(|one| one.run.uuid()).collect::<Vec<_>>())
        .bind(ended.iter().map(|one| one.epoch as i64).collect::<Vec<_>>())
        .bind(starts.iter().map(|start| start.map(|start| i64::from(start.number))).collect::<Vec<_>>())
        .bind(starts.iter().map(|start| start.map(|start| start.worker.as_str().to_owned())).collect::<Vec<_>>())
        .bind(starts.iter().map(|start| start.map(|start| micros(start.at))).collect::<Vec<_>>())
        .bind(ended.iter().map(|one| micros(one.at)).collect::<Vec<_>>())
        .bind(ends)
        .bind(ended.iter().map(|one| one.error.clone()).collect::<Vec<_>>()))
}

/// Deletes terminal runs with their attempts and logs.
pub(crate) async fn prune(connection: &mut PgConnection, before: DateTime<Utc>, limit: usize) -> Result<usize> {
    let rows = sqlx::query(
        "DELETE FROM progress WHERE run_id = ANY(ARRAY(SELECT run_id FROM progress WHERE completed_at < $1 \
         ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING run_id",
    )
    .bind(micros(before))
    .bind(number(limit))
    .fetch_all(&mut *connection)
    .await
    .or_store_error()?;
    let gone = rows.iter().map(|row| Columns::new(row).uuid()).collect::<Result<Vec<_>>>()?;
    if gone.is_empty() {
        return Ok(0);
    }
    sqlx::query(
        "WITH a AS (DELETE FROM attempts WHERE run_id = ANY($1)), l AS (DELETE FROM logs WHERE run_id = ANY($1)) \
         DELETE FROM runs WHERE id = ANY($1)",
    )
    .bind(&gone)
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(gone.len())
}

/// Returns terminal runs that started and whose lines were not deleted yet, first ended first, and when each was completed.
pub(crate) async fn unpruned(
    connection: &mut PgConnection,
    since: Option<DateTime<Utc>>,
    before: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<(RunId, DateTime<Utc>)>> {
    let rows = sqlx::query(
        "SELECT run_id, completed_at FROM progress WHERE completed_at >= $1 AND completed_at < $2 AND started_at IS NOT NULL \
         AND NOT logs_pruned ORDER BY completed_at LIMIT $3 FOR UPDATE SKIP LOCKED",
    )
    .bind(since.map_or(i64::MIN, micros))
    .bind(micros(before))
    .bind(number(limit))
    .fetch_all(connection)
    .await
    .or_store_error()?;
    let read = |row| {
        let mut columns = Columns::new(row);
        Ok((RunId::from_uuid(columns.uuid()?), columns.instant()?))
    };
    rows.iter().map(read).collect()
}

/// Deletes the lines of runs.
pub(crate) async fn delete_logs(connection: &mut PgConnection, ids: &[RunId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH gone AS (DELETE FROM logs WHERE run_id = ANY($1)) \
         UPDATE progress SET logs_pruned = true WHERE run_id = ANY($1)",
    )
    .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}
