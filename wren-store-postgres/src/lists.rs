//! Reads that go past the writers. Each is one statement and so one snapshot: nothing is left open when a caller goes away.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;
use wren_core::model::{
    Attempt, AttemptEnd, Deployment, DeploymentOverview, Revision, RevisionSummary, Run, RunState, Trigger,
};
use wren_core::store::kit::{DeploymentList, RunList, unreadable};
use wren_core::{DeploymentId, OwnerId, Result, RunId, TriggerId, WireError, WorkerId};

use crate::deployments::{self, deployment_columns, overview_columns, trigger_columns};
use crate::error::OrStoreError;
use crate::rows::{self, Columns, instant, micros, number, run_columns, run_tables, text};

/// Reads an owner's deployment with its triggers.
pub(crate) async fn deployment(
    readers: &PgPool,
    owner: &OwnerId,
    id: DeploymentId,
) -> Result<Option<DeploymentOverview>> {
    let row =
        sqlx::query(concat!("SELECT ", overview_columns!(), " FROM deployments d WHERE d.id = $1 AND d.owner = $2"))
            .bind(id.uuid())
            .bind(owner.as_str())
            .fetch_optional(readers)
            .await
            .or_store_error()?;
    row.map(|row| deployments::overview(&mut Columns::new(&row))).transpose()
}

/// Reads an owner's deployments.
pub(crate) async fn deployments(
    readers: &PgPool,
    owner: &OwnerId,
    list: DeploymentList,
) -> Result<Vec<DeploymentOverview>> {
    let (before, before_id) = list.before.map_or((i64::MAX, Uuid::max()), |place| (micros(place.at), place.id.uuid()));
    let rows = sqlx::query(concat!(
        "SELECT ",
        overview_columns!(),
        " FROM deployments d WHERE d.owner = $1 AND (d.created_at, d.id) < ($2, $3) \
         AND CASE WHEN $4::text IS NULL THEN d.status <> 'undeployed' ELSE d.status = $4 END \
         AND ($5::text IS NULL OR d.name = $5) ORDER BY d.created_at DESC, d.id DESC LIMIT $6"
    ))
    .bind(owner.as_str())
    .bind(before)
    .bind(before_id)
    .bind(list.status.map(|status| status.as_str()))
    .bind(list.name.as_ref().map(|name| name.as_str()))
    .bind(number(list.limit))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    rows.iter().map(|row| deployments::overview(&mut Columns::new(row))).collect()
}

/// Reads revisions, latest first. The left join gives one row for a deployment of which none is left to read.
pub(crate) async fn revisions(
    readers: &PgPool,
    owner: &OwnerId,
    id: DeploymentId,
    before: Option<u32>,
    limit: usize,
) -> Result<Option<Vec<RevisionSummary>>> {
    let rows = sqlx::query(
        "SELECT v.number, v.script_sha256, json_array_length(v.manifest::json -> 'triggers')::bigint, v.created_at \
         FROM deployments d LEFT JOIN revisions v ON v.deployment_id = d.id AND v.number < $1 \
         WHERE d.id = $2 AND d.owner = $3 ORDER BY v.number DESC LIMIT $4",
    )
    .bind(before.map_or(i64::MAX, i64::from))
    .bind(id.uuid())
    .bind(owner.as_str())
    .bind(number(limit))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    if rows.is_empty() {
        return Ok(None);
    }
    rows.iter().filter_map(|row| revision_summary(&mut Columns::new(row)).transpose()).collect::<Result<_>>().map(Some)
}

fn revision_summary(columns: &mut Columns<'_>) -> Result<Option<RevisionSummary>> {
    let Some(found) = columns.take::<Option<i64>>()? else { return Ok(None) };
    Ok(Some(RevisionSummary {
        number: u32::try_from(found).map_err(|error| unreadable("revision", error.to_string()))?,
        script_sha256: columns.take()?,
        triggers: columns.number("triggers")?,
        created_at: columns.instant()?,
    }))
}

/// Reads a revision with its script.
pub(crate) async fn revision(
    readers: &PgPool,
    owner: &OwnerId,
    id: DeploymentId,
    revision: u32,
) -> Result<Option<Revision>> {
    let row = sqlx::query(
        "SELECT s.source, v.script_sha256, v.manifest, v.created_at FROM deployments d \
         JOIN revisions v ON v.deployment_id = d.id \
         JOIN scripts s ON s.deployment_id = d.id AND s.sha256 = v.script_sha256 \
         WHERE d.id = $1 AND d.owner = $2 AND v.number = $3",
    )
    .bind(id.uuid())
    .bind(owner.as_str())
    .bind(i64::from(revision))
    .fetch_optional(readers)
    .await
    .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    Ok(Some(Revision {
        deployment_id: id,
        number: revision,
        script: text("script", columns.take()?)?,
        script_sha256: columns.take()?,
        manifest: columns.json("manifest")?,
        created_at: columns.instant()?,
    }))
}

/// Reads deployments of every owner whose pause has ended.
pub(crate) async fn ended_pauses(readers: &PgPool, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        deployment_columns!(),
        " FROM deployments d WHERE d.paused_until <= $1 ORDER BY d.paused_until, d.id LIMIT $2"
    ))
    .bind(micros(now))
    .bind(number(limit))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    rows.iter().map(|row| deployments::read_row(&mut Columns::new(row))).collect()
}

/// Reads triggers of every owner by id.
pub(crate) async fn triggers(readers: &PgPool, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
    let rows = sqlx::query(concat!("SELECT ", trigger_columns!(), " FROM triggers WHERE id > $1 ORDER BY id LIMIT $2"))
        .bind(after.map_or(Uuid::nil(), |id| id.uuid()))
        .bind(number(limit))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    rows.iter().map(|row| deployments::trigger(&mut Columns::new(row))).collect()
}

/// An attempt as the statement puts it into its array.
#[derive(Deserialize)]
struct AttemptRow {
    number: u32,
    epoch: u64,
    worker: WorkerId,
    started_at: i64,
    ended_at: Option<i64>,
    ended: Option<AttemptEnd>,
    error: Option<WireError>,
}

impl AttemptRow {
    fn into_attempt(self) -> Result<Attempt> {
        let Self { number, epoch, worker, started_at, ended_at, ended, error } = self;
        let ended_at = ended_at.map(instant).transpose()?;
        Ok(Attempt { number, epoch, worker, started_at: instant(started_at)?, ended_at, end: ended, error })
    }
}

/// Reads a run and its attempts.
pub(crate) async fn run(readers: &PgPool, owner: &OwnerId, id: RunId) -> Result<Option<(Run, Vec<Attempt>)>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        ", (SELECT coalesce(json_agg(json_build_object('number', number, 'epoch', epoch, 'worker', worker, \
         'started_at', started_at, 'ended_at', ended_at, 'ended', ended, 'error', error::json) ORDER BY epoch), '[]')::text \
         FROM all_attempts WHERE run_id = p.run_id) FROM ",
        run_tables!(),
        " WHERE r.id = $1 AND r.owner = $2"
    ))
    .bind(id.uuid())
    .bind(owner.as_str())
    .fetch_optional(readers)
    .await
    .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    let run = rows::run(&mut columns)?;
    let attempts: Vec<AttemptRow> = columns.json("attempts")?;
    let attempts = attempts.into_iter().map(AttemptRow::into_attempt).collect::<Result<_>>()?;
    Ok(Some((run, attempts)))
}

/// Reads an owner's runs.
pub(crate) async fn runs(readers: &PgPool, owner: &OwnerId, list: RunList) -> Result<Vec<Run>> {
    let (before, before_id) = list.before.map_or((i64::MAX, Uuid::max()), |place| (micros(place.at), place.id.uuid()));
    // Literals, since an index over some states is not considered for a parameter.
    let words: Vec<String> = list.states.iter().map(|state| format!("'{}'", state.as_str())).collect();
    let state = match words.as_slice() {
        [] => String::new(),
        [word] => format!(" AND p.state = {word}"),
        words => format!(" AND p.state IN ({})", words.join(", ")),
    };
    // What has not ended is found by its progress, and so is what went wrong, unless it is one deployment's; of the others most
    // runs are one.
    let is_narrow = list.deployment_id.is_some() || list.trigger_id.is_some();
    let by_progress = !list.states.is_empty()
        && list.states.iter().all(|state| match state {
            RunState::Success => false,
            RunState::Queued | RunState::Running => true,
            RunState::Failed | RunState::Timeout | RunState::Cancelled | RunState::Skipped => !is_narrow,
        });
    let (t, id) = if by_progress { ("p", "run_id") } else { ("r", "id") };
    let (columns, tables) = (run_columns!(), run_tables!());
    let statement = format!(
        "SELECT {columns} FROM {tables} WHERE {t}.owner = $1 AND ({t}.scheduled_for, {t}.{id}) < ($2, $3) \
         AND {t}.scheduled_for >= $4 AND {t}.scheduled_for < $5 AND ($6::uuid IS NULL OR {t}.deployment_id = $6) \
         AND ($7::uuid IS NULL OR {t}.trigger_id = $7) AND ($9::text IS NULL OR r.kind = $9){state} ORDER BY {t}.scheduled_for DESC, {t}.{id} DESC LIMIT $8"
    );
    // Safe: made of this crate's own fragments; every value is bound.
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(owner.as_str())
        .bind(before)
        .bind(before_id)
        .bind(list.since.map_or(i64::MIN, micros))
        .bind(list.until.map_or(i64::MAX, micros))
        .bind(list.deployment_id.map(|id| id.uuid()))
        .bind(list.trigger_id.map(|id| id.uuid()))
        .bind(number(list.limit))
        .bind(list.trigger.map(|kind| kind.as_str()))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    rows.iter().map(|row| rows::run(&mut Columns::new(row))).collect()
}
