//! The tables of deployments and triggers.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{SqliteConnection, SqliteExecutor};
use wren_core::model::{Deployment, DeploymentOverview, DeploymentStatus, Manifest, Trigger, TriggerSpec};
use wren_core::store::kit::{NewRevision, json, parsed};
use wren_core::{DeploymentId, DeploymentName, OwnerId, Result, TriggerId};

use crate::error::OrStoreError;
use crate::rows::{Columns, blob, instant, micros, name, word};
use crate::sql::{pieces, with_rows};

/// The columns of a deployment in the order in which [`read_row`] reads them.
macro_rules! deployment_columns {
    () => {
        "d.id, d.owner, d.name, d.status, d.status_reason, d.action_url, d.paused_until, d.revision, \
         d.created_at, d.updated_at"
    };
}
/// The columns of an overview in the order in which [`overview`] reads them: a deployment with its triggers, oldest first,
/// as one array, so that one statement, and so one snapshot, reads it all.
macro_rules! overview_columns {
    () => {
        concat!(
            $crate::deployments::table::deployment_columns!(),
            ", d.last_run, (SELECT json_group_array(json_object('id', hex(t.id), 'revision', t.revision, \
             'spec', json(t.spec), 'cursor', t.cursor, 'created_at', t.created_at) ORDER BY t.created_at, t.id) \
             FROM triggers t WHERE t.deployment_id = d.id)"
        )
    };
}
pub(crate) use {deployment_columns, overview_columns};

/// A trigger as an overview puts it into its array.
#[derive(Deserialize)]
struct TriggerRow {
    id: uuid::Uuid,
    revision: u32,
    spec: TriggerSpec,
    cursor: i64,
    created_at: i64,
}

/// Reads a deployment.
pub(crate) fn read_row(columns: &mut Columns<'_>) -> Result<Deployment> {
    Ok(Deployment {
        id: DeploymentId::from_uuid(columns.uuid()?),
        owner: name("owner", columns.text()?)?,
        name: name("name", columns.text()?)?,
        status: word("status", columns.text()?, DeploymentStatus::parse)?,
        status_reason: columns.take()?,
        action_url: columns.take()?,
        paused_until: columns.optional_instant()?,
        revision: columns.number("revision")?,
        created_at: columns.instant()?,
        updated_at: columns.instant()?,
    })
}

/// Reads a deployment with its triggers.
pub(crate) fn overview(columns: &mut Columns<'_>) -> Result<DeploymentOverview> {
    let deployment = read_row(columns)?;
    let last_run = columns.optional_instant()?;
    let rows: Vec<TriggerRow> = parsed("triggers", columns.text()?)?;
    let triggers = rows
        .into_iter()
        .map(|row| {
            Ok(Trigger {
                id: TriggerId::from_uuid(row.id),
                owner: deployment.owner.clone(),
                deployment_id: deployment.id,
                revision: row.revision,
                spec: row.spec,
                cursor: instant(row.cursor)?,
                created_at: instant(row.created_at)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(DeploymentOverview { deployment, triggers, last_run })
}

/// Returns an owner's deployment of that name that is not undeployed.
pub(crate) async fn named(
    connection: &mut SqliteConnection,
    owner: &OwnerId,
    name: &DeploymentName,
) -> Result<Option<Deployment>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        deployment_columns!(),
        " FROM deployments d WHERE d.owner = ? AND d.name = ? AND d.status <> 'undeployed'"
    ))
    .bind(owner.as_str().to_owned())
    .bind(name.as_str().to_owned())
    .fetch_optional(connection)
    .await
    .or_store_error()?;
    row.map(|row| read_row(&mut Columns::new(&row))).transpose()
}

/// Says whether a deployment has the id.
pub(crate) async fn exists(connection: &mut SqliteConnection, id: DeploymentId) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM deployments WHERE id = ?")
        .bind(blob(id.uuid()))
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    Ok(row.is_some())
}

/// Returns an owner's deployment with its triggers.
pub(crate) async fn read_overview(
    executor: impl SqliteExecutor<'_>,
    owner: &OwnerId,
    id: DeploymentId,
) -> Result<Option<DeploymentOverview>> {
    let row =
        sqlx::query(concat!("SELECT ", overview_columns!(), " FROM deployments d WHERE d.id = ? AND d.owner = ?"))
            .bind(blob(id.uuid()))
            .bind(owner.as_str().to_owned())
            .fetch_optional(executor)
            .await
            .or_store_error()?;
    row.map(|row| overview(&mut Columns::new(&row))).transpose()
}

/// The columns of a trigger in the order in which [`trigger`] reads them.
pub(crate) const TRIGGER_COLUMNS: &str = "id, owner, deployment_id, revision, spec, cursor, created_at";

/// Reads a trigger.
pub(crate) fn trigger(columns: &mut Columns<'_>) -> Result<Trigger> {
    Ok(Trigger {
        id: TriggerId::from_uuid(columns.uuid()?),
        owner: name("owner", columns.text()?)?,
        deployment_id: DeploymentId::from_uuid(columns.uuid()?),
        revision: columns.number("revision")?,
        spec: parsed("trigger", columns.text()?)?,
        cursor: columns.instant()?,
        created_at: columns.instant()?,
    })
}

/// Returns a deployment's triggers in the order of the manifest.
pub(crate) async fn triggers(connection: &mut SqliteConnection, id: DeploymentId) -> Result<Vec<Trigger>> {
    let text = format!("SELECT {TRIGGER_COLUMNS} FROM triggers WHERE deployment_id = ? ORDER BY position");
    // Safe: a constant's text.
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(blob(id.uuid())).fetch_all(connection).await.or_store_error()?;
    rows.iter().map(|row| trigger(&mut Columns::new(row))).collect()
}

/// Replaces a deployment's triggers by these, given in the order of the manifest.
pub(crate) async fn replace_triggers(
    connection: &mut SqliteConnection,
    id: DeploymentId,
    triggers: &[Trigger],
) -> Result<()> {
    sqlx::query("DELETE FROM triggers WHERE deployment_id = ?")
        .bind(blob(id.uuid()))
        .execute(&mut *connection)
        .await
        .or_store_error()?;
    let places: Vec<(i64, &Trigger)> = (0..).zip(triggers).collect();
    for piece in pieces(&places) {
        let mut statement = with_rows(
            "INSERT INTO triggers (id, owner, deployment_id, revision, position, kind, func, policy, spec, cursor, \
             created_at) VALUES {rows}",
            piece.len(),
            11,
        );
        for (position, trigger) in piece {
            statement = statement
                .bind(blob(trigger.id.uuid()))
                .bind(trigger.owner.as_str().to_owned())
                .bind(blob(trigger.deployment_id.uuid()))
                .bind(i64::from(trigger.revision))
                .bind(*position)
                .bind(trigger.spec.kind.as_str())
                .bind(trigger.spec.func.clone())
                .bind(json(&trigger.spec.policy)?)
                .bind(json(&trigger.spec)?)
                .bind(micros(trigger.cursor))
                .bind(micros(trigger.created_at));
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

/// Writes the part of a deployment that changes.
pub(crate) async fn update(connection: &mut SqliteConnection, deployment: &Deployment) -> Result<()> {
    sqlx::query(
        "UPDATE deployments SET status = ?, status_reason = ?, action_url = ?, paused_until = ?, revision = ?, updated_at = ? \
         WHERE id = ?",
    )
    .bind(deployment.status.as_str())
    .bind(deployment.status_reason.clone())
    .bind(deployment.action_url.clone())
    .bind(deployment.paused_until.map(micros))
    .bind(i64::from(deployment.revision))
    .bind(micros(deployment.updated_at))
    .bind(blob(deployment.id.uuid()))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Inserts a new deployment.
pub(crate) async fn insert(connection: &mut SqliteConnection, deployment: &Deployment) -> Result<()> {
    sqlx::query(
        "INSERT INTO deployments (id, owner, name, status, revision, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(blob(deployment.id.uuid()))
    .bind(deployment.owner.as_str().to_owned())
    .bind(deployment.name.as_str().to_owned())
    .bind(deployment.status.as_str())
    .bind(i64::from(deployment.revision))
    .bind(micros(deployment.created_at))
    .bind(micros(deployment.updated_at))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Inserts the deployment's current revision.
pub(crate) async fn insert_revision(connection: &mut SqliteConnection, revision: NewRevision<'_>) -> Result<()> {
    let id = blob(revision.deployment.id.uuid());
    sqlx::query("INSERT INTO scripts (deployment_id, sha256, source) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(id.clone())
        .bind(revision.script_sha256.to_owned())
        .bind(revision.script.to_owned())
        .execute(&mut *connection)
        .await
        .or_store_error()?;
    sqlx::query(
        "INSERT INTO revisions (deployment_id, number, script_sha256, manifest, created_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(id)
    .bind(i64::from(revision.deployment.revision))
    .bind(revision.script_sha256.to_owned())
    .bind(json(revision.manifest)?)
    .bind(micros(revision.now))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Returns the hash of the script and the manifest of a deployment's current revision.
pub(crate) async fn current_revision(
    connection: &mut SqliteConnection,
    deployment: &Deployment,
) -> Result<Option<(String, Manifest)>> {
    let row = sqlx::query("SELECT script_sha256, manifest FROM revisions WHERE deployment_id = ? AND number = ?")
        .bind(blob(deployment.id.uuid()))
        .bind(i64::from(deployment.revision))
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    Ok(Some((columns.take()?, parsed("manifest", columns.text()?)?)))
}

/// Keeps the latest start in each deployment.
pub(crate) async fn note_starts(
    connection: &mut SqliteConnection,
    starts: &[(DeploymentId, DateTime<Utc>)],
) -> Result<()> {
    for piece in pieces(starts) {
        let mut statement = with_rows(NOTE_STARTS, piece.len(), 2);
        for (id, at) in piece {
            statement = statement.bind(blob(id.uuid())).bind(micros(*at));
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

pub(crate) const NOTE_STARTS: &str = "WITH v (id, started_at) AS (VALUES {rows}) \
     UPDATE deployments SET last_run = v.started_at FROM v \
     WHERE deployments.id = v.id AND (last_run IS NULL OR last_run < v.started_at)";
