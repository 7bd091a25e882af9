//! Deployments, revisions and triggers, within a transaction.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;
use wren_core::model::{Deployment, DeploymentOverview, DeploymentStatus, Manifest, Trigger, TriggerSpec};
use wren_core::store::kit::{NewRevision, json};
use wren_core::{DeploymentId, DeploymentName, OwnerId, Result, TriggerId};

use crate::error::OrStoreError;
use crate::rows::{Columns, instant, micros};

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
            $crate::deployments::deployment_columns!(),
            ", (SELECT l.started_at FROM last_runs l WHERE l.deployment_id = d.id), \
             (SELECT coalesce(json_agg(json_build_object('id', t.id, 'revision', t.revision, 'spec', t.spec::json, \
             'cursor', t.cursor, 'created_at', t.created_at) ORDER BY t.created_at, t.id), '[]')::text \
             FROM triggers t WHERE t.deployment_id = d.id)"
        )
    };
}
pub(crate) use {deployment_columns, overview_columns};

/// A trigger as an overview puts it into its array.
#[derive(Deserialize)]
struct TriggerRow {
    id: Uuid,
    revision: u32,
    spec: TriggerSpec,
    cursor: i64,
    created_at: i64,
}

/// Reads a deployment.
pub(crate) fn read_row(columns: &mut Columns<'_>) -> Result<Deployment> {
    Ok(Deployment {
        id: DeploymentId::from_uuid(columns.uuid()?),
        owner: columns.name("owner")?,
        name: columns.name("name")?,
        status: columns.word("status", DeploymentStatus::parse)?,
        status_reason: columns.optional_json("reason")?,
        action_url: columns.optional_json("action URL")?,
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
    let rows: Vec<TriggerRow> = columns.json("triggers")?;
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

/// Reads an owner's deployment with its triggers, and locks it.
pub(crate) async fn locked(
    connection: &mut PgConnection,
    owner: &OwnerId,
    id: DeploymentId,
) -> Result<Option<DeploymentOverview>> {
    // Locked first and read then: what a statement that waits for a lock reads besides is from before the wait.
    sqlx::query("SELECT 1 FROM deployments WHERE id = $1 AND owner = $2 FOR UPDATE")
        .bind(id.uuid())
        .bind(owner.as_str())
        .fetch_optional(&mut *connection)
        .await
        .or_store_error()?;
    let row =
        sqlx::query(concat!("SELECT ", overview_columns!(), " FROM deployments d WHERE d.id = $1 AND d.owner = $2"))
            .bind(id.uuid())
            .bind(owner.as_str())
            .fetch_optional(connection)
            .await
            .or_store_error()?;
    row.map(|row| overview(&mut Columns::new(&row))).transpose()
}

/// Reads an owner's deployment of that name that is not undeployed, and locks it; without one, keeps the name.
pub(crate) async fn named(
    connection: &mut PgConnection,
    owner: &OwnerId,
    name: &DeploymentName,
) -> Result<Option<Deployment>> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' name ' || $1 || ' ' || $2, 0))")
        .bind(owner.as_str())
        .bind(name.as_str())
        .execute(&mut *connection)
        .await
        .or_store_error()?;
    let row = sqlx::query(concat!(
        "SELECT ",
        deployment_columns!(),
        " FROM deployments d WHERE d.owner = $1 AND d.name = $2 AND d.status <> 'undeployed' FOR UPDATE"
    ))
    .bind(owner.as_str())
    .bind(name.as_str())
    .fetch_optional(connection)
    .await
    .or_store_error()?;
    row.map(|row| read_row(&mut Columns::new(&row))).transpose()
}

/// Says whether a deployment has the id.
pub(crate) async fn exists(connection: &mut PgConnection, id: DeploymentId) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM deployments WHERE id = $1")
        .bind(id.uuid())
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    Ok(row.is_some())
}

/// Inserts a new deployment.
pub(crate) async fn insert(connection: &mut PgConnection, deployment: &Deployment) -> Result<()> {
    sqlx::query(
        "INSERT INTO deployments (id, owner, name, status, revision, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(deployment.id.uuid())
    .bind(deployment.owner.as_str())
    .bind(deployment.name.as_str())
    .bind(deployment.status.as_str())
    .bind(i64::from(deployment.revision))
    .bind(micros(deployment.created_at))
    .bind(micros(deployment.updated_at))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Writes the part of a deployment that changes.
pub(crate) async fn update(connection: &mut PgConnection, deployment: &Deployment) -> Result<()> {
    sqlx::query(
        "UPDATE deployments SET status = $2, status_reason = $3, action_url = $4, paused_until = $5, revision = $6, \
         updated_at = $7 WHERE id = $1",
    )
    .bind(deployment.id.uuid())
    .bind(deployment.status.as_str())
    .bind(deployment.status_reason.as_ref().map(json).transpose()?)
    .bind(deployment.action_url.as_ref().map(json).transpose()?)
    .bind(deployment.paused_until.map(micros))
    .bind(i64::from(deployment.revision))
    .bind(micros(deployment.updated_at))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Returns the hash of the script and the manifest of a deployment's current revision.
pub(crate) async fn current_revision(
    connection: &mut PgConnection,
    deployment: &Deployment,
) -> Result<Option<(String, Manifest)>> {
    let row = sqlx::query("SELECT script_sha256, manifest FROM revisions WHERE deployment_id = $1 AND number = $2")
        .bind(deployment.id.uuid())
        .bind(i64::from(deployment.revision))
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    Ok(Some((columns.take()?, columns.json("manifest")?)))
}

/// Inserts the deployment's current revision.
pub(crate) async fn insert_revision(connection: &mut PgConnection, revision: NewRevision<'_>) -> Result<()> {
    let id = revision.deployment.id.uuid();
    sqlx::query("INSERT INTO scripts (deployment_id, sha256, source) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(revision.script_sha256)
        .bind(revision.script.as_bytes())
        .execute(&mut *connection)
        .await
        .or_store_error()?;
    sqlx::query(
        "INSERT INTO revisions (deployment_id, number, script_sha256, manifest, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(i64::from(revision.deployment.revision))
    .bind(revision.script_sha256)
    .bind(json(revision.manifest)?)
    .bind(micros(revision.now))
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// The columns of a trigger in the order in which [`trigger`] reads them.
macro_rules! trigger_columns {
    () => {
        "id, owner, deployment_id, revision, spec, cursor, created_at"
    };
}
pub(crate) use trigger_columns;

/// Reads a trigger.
pub(crate) fn trigger(columns: &mut Columns<'_>) -> Result<Trigger> {
    Ok(Trigger {
        id: TriggerId::from_uuid(columns.uuid()?),
        owner: columns.name("owner")?,
        deployment_id: DeploymentId::from_uuid(columns.uuid()?),
        revision: columns.number("revision")?,
        spec: columns.json("trigger")?,
        cursor: columns.instant()?,
        created_at: columns.instant()?,
    })
}

/// Returns a deployment's triggers in the order of the manifest, and locks them.
pub(crate) async fn triggers(connection: &mut PgConnection, id: DeploymentId) -> Result<Vec<Trigger>> {
    sqlx::query("SELECT 1 FROM triggers WHERE deployment_id = $1 ORDER BY id FOR UPDATE")
        .bind(id.uuid())
        .execute(&mut *connection)
        .await
        .or_store_error()?;
    let rows = sqlx::query(concat!(
        "SELECT ",
        trigger_columns!(),
        " FROM triggers WHERE deployment_id = $1 ORDER BY position"
    ))
    .bind(id.uuid())
    .fetch_all(connection)
    .await
    .or_store_error()?;
    rows.iter().map(|row| trigger(&mut Columns::new(row))).collect()
}

/// Replaces a deployment's triggers by these, given in the order of the manifest.
pub(crate) async fn replace_triggers(
    connection: &mut PgConnection,
    id: DeploymentId,
    triggers: &[Trigger],
) -> Result<()> {
    sqlx::query("DELETE FROM triggers WHERE deployment_id = $1")
        .bind(id.uuid())
        .execute(&mut *connection)
        .await
        .or_store_error()?;
    if triggers.is_empty() {
        return Ok(());
    }
    let policies = triggers.iter().map(|trigger| json(&trigger.spec.policy)).collect::<Result<Vec<_>>>()?;
    let specs = triggers.iter().map(|trigger| json(&trigger.spec)).collect::<Result<Vec<_>>>()?;
    sqlx::query(
        "INSERT INTO triggers (id, owner, deployment_id, revision, position, kind, func, policy, spec, cursor, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], \
         $8::text[], $9::text[], $10::bigint[], $11::bigint[])",
    )
    .bind(triggers.iter().map(|trigger| trigger.id.uuid()).collect::<Vec<_>>())
    .bind(triggers.iter().map(|trigger| trigger.owner.as_str()).collect::<Vec<_>>())
    .bind(vec![id.uuid(); triggers.len()])
    .bind(triggers.iter().map(|trigger| i64::from(trigger.revision)).collect::<Vec<_>>())
    .bind((0..).take(triggers.len()).collect::<Vec<i64>>())
    .bind(triggers.iter().map(|trigger| trigger.spec.kind.as_str()).collect::<Vec<_>>())
    .bind(triggers.iter().map(|trigger| trigger.spec.func.as_str()).collect::<Vec<_>>())
    .bind(policies)
    .bind(specs)
    .bind(triggers.iter().map(|trigger| micros(trigger.cursor)).collect::<Vec<_>>())
    .bind(triggers.iter().map(|trigger| micros(trigger.created_at)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Keeps the latest start in each deployment.
pub(crate) async fn note_starts(connection: &mut PgConnection, starts: &[(DeploymentId, DateTime<Utc>)]) -> Result<()> {
    sqlx::query(
        "INSERT INTO last_runs SELECT * FROM unnest($1::uuid[], $2::bigint[]) \
         ON CONFLICT (deployment_id) DO UPDATE SET started_at = greatest(last_runs.started_at, excluded.started_at)",
    )
    .bind(starts.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>())
    .bind(starts.iter().map(|(_, at)| micros(*at)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}

/// Writes something that changes nothing.
pub(crate) async fn touch(connection: &mut PgConnection) -> Result<()> {
    let row = sqlx::query("UPDATE wren_schema SET version = version RETURNING version")
        .fetch_one(connection)
        .await
        .or_store_error()?;
    row.try_get::<i64, _>(0).or_store_error().map(drop)
}
