//! Reading deployments. Each read is one statement and so one snapshot: nothing is left open when a caller goes away.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, SqlitePool};
use wren_core::model::{Deployment, DeploymentOverview, Revision, RevisionSummary, Trigger};
use wren_core::store::kit::{DeploymentList, parsed};
use wren_core::{DeploymentId, OwnerId, Result, TriggerId};

use super::table::{self, TRIGGER_COLUMNS, deployment_columns, overview_columns};
use crate::error::OrStoreError;
use crate::rows::{Columns, blob, micros};

/// Reads an owner's deployments.
pub(crate) async fn deployments(
    readers: &SqlitePool,
    owner: &OwnerId,
    list: DeploymentList,
) -> Result<Vec<DeploymentOverview>> {
    let (before, before_id) = match list.before {
        Some(place) => (micros(place.at), blob(place.id.uuid())),
        None => (i64::MAX, Vec::new()),
    };
    let rows = sqlx::query(concat!(
        "SELECT ",
        overview_columns!(),
        " FROM deployments d INDEXED BY deployments_by_age WHERE d.owner = ?1 AND (d.created_at, d.id) < (?2, ?3) \
         AND CASE WHEN ?4 IS NULL THEN d.status <> 'undeployed' ELSE d.status = ?4 END \
         AND (?5 IS NULL OR d.name = ?5) ORDER BY d.created_at DESC, d.id DESC LIMIT ?6"
    ))
    .bind(owner.as_str().to_owned())
    .bind(before)
    .bind(before_id)
    .bind(list.status.map(|status| status.as_str()))
    .bind(list.name.map(|name| name.as_str().to_owned()))
    .bind(i64::try_from(list.limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    rows.iter().map(|row| table::overview(&mut Columns::new(row))).collect()
}

/// Reads revisions, latest first. The left join gives one row for a deployment of which none is left to read.
pub(crate) async fn revisions(
    readers: &SqlitePool,
    owner: &OwnerId,
    id: DeploymentId,
    before: Option<u32>,
    limit: usize,
) -> Result<Option<Vec<RevisionSummary>>> {
    let rows = sqlx::query(
        "SELECT v.number, v.script_sha256, json_array_length(v.manifest, '$.triggers'), v.created_at FROM deployments d \
         LEFT JOIN revisions v ON v.deployment_id = d.id AND v.number < ?1 \
         WHERE d.id = ?2 AND d.owner = ?3 ORDER BY v.number DESC LIMIT ?4",
    )
    .bind(before.map_or(i64::MAX, i64::from))
    .bind(blob(id.uuid()))
    .bind(owner.as_str().to_owned())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    if rows.is_empty() {
        return Ok(None);
    }
    rows.iter().filter_map(|row| revision_summary(&mut Columns::new(row)).transpose()).collect::<Result<_>>().map(Some)
}

fn revision_summary(columns: &mut Columns<'_>) -> Result<Option<RevisionSummary>> {
    let Some(number) = columns.take::<Option<u32>>()? else { return Ok(None) };
    Ok(Some(RevisionSummary {
        number,
        script_sha256: columns.text()?.to_owned(),
        triggers: columns.number("triggers")?,
        created_at: columns.instant()?,
    }))
}

/// Reads a revision with its script.
pub(crate) async fn revision(
    readers: &SqlitePool,
    owner: &OwnerId,
    id: DeploymentId,
    number: u32,
) -> Result<Option<Revision>> {
    let row = sqlx::query(
        "SELECT s.source, v.script_sha256, v.manifest, v.created_at FROM deployments d \
         JOIN revisions v ON v.deployment_id = d.id \
         JOIN scripts s ON s.deployment_id = d.id AND s.sha256 = v.script_sha256 \
         WHERE d.id = ? AND d.owner = ? AND v.number = ?",
    )
    .bind(blob(id.uuid()))
    .bind(owner.as_str().to_owned())
    .bind(i64::from(number))
    .fetch_optional(readers)
    .await
    .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    Ok(Some(Revision {
        deployment_id: id,
        number,
        script: columns.take()?,
        script_sha256: columns.take()?,
        manifest: parsed("manifest", columns.text()?)?,
        created_at: columns.instant()?,
    }))
}

/// Reads deployments of every owner whose pause has ended.
pub(crate) async fn ended_pauses(readers: &SqlitePool, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        deployment_columns!(),
        " FROM deployments d INDEXED BY deployments_by_end_of_pause WHERE d.paused_until <= ? \
         ORDER BY d.paused_until, d.id LIMIT ?"
    ))
    .bind(micros(now))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    rows.iter().map(|row| table::read_row(&mut Columns::new(row))).collect()
}

/// Reads triggers of every owner by id.
pub(crate) async fn scan_triggers(
    readers: &SqlitePool,
    after: Option<TriggerId>,
    limit: usize,
) -> Result<Vec<Trigger>> {
    let text = format!("SELECT {TRIGGER_COLUMNS} FROM triggers WHERE id > ? ORDER BY id LIMIT ?");
    // Safe: a constant's text. An empty id is before every id.
    let rows = sqlx::query(AssertSqlSafe(text))
        .bind(after.map_or_else(Vec::new, |id| blob(id.uuid())))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    rows.iter().map(|row| table::trigger(&mut Columns::new(row))).collect()
}
