//! What fires read and write.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;
use wren_core::model::{DeploymentStatus, TriggerKind};
use wren_core::store::kit::FireTarget;
use wren_core::{DeploymentId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::rows::{Columns, micros, text};

/// Returns what fires need to know of the triggers, and locks them: two servers that record the same due time take turns.
/// Their deployments are locked against changes only, not against each other's fires.
pub(crate) async fn targets(
    connection: &mut PgConnection,
    ids: &[TriggerId],
) -> Result<HashMap<TriggerId, FireTarget>> {
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    sqlx::query(
        "SELECT 1 FROM deployments WHERE id IN (SELECT deployment_id FROM triggers WHERE id = ANY($1)) \
         ORDER BY id FOR SHARE",
    )
    .bind(&uuids)
    .execute(&mut *connection)
    .await
    .or_store_error()?;
    sqlx::query("SELECT 1 FROM triggers WHERE id = ANY($1) ORDER BY id FOR UPDATE")
        .bind(&uuids)
        .execute(&mut *connection)
        .await
        .or_store_error()?;
    let rows = sqlx::query(
        "SELECT t.id, t.owner, t.deployment_id, t.revision, t.kind, t.func, t.policy, d.status, d.paused_until, t.cursor, \
         EXISTS (SELECT 1 FROM progress p WHERE p.deployment_id = t.deployment_id AND p.trigger_id = t.id \
         AND p.completed_at IS NULL) \
         FROM triggers t JOIN deployments d ON d.id = t.deployment_id WHERE t.id = ANY($1)",
    )
    .bind(&uuids)
    .fetch_all(connection)
    .await
    .or_store_error()?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            let id = TriggerId::from_uuid(columns.uuid()?);
            let target = FireTarget {
                owner: columns.name("owner")?,
                deployment_id: DeploymentId::from_uuid(columns.uuid()?),
                revision: columns.number("revision")?,
                kind: columns.word("kind", TriggerKind::parse)?,
                func: columns.take()?,
                policy: columns.json("policy")?,
                status: columns.word("status", DeploymentStatus::parse)?,
                paused_until: columns.optional_instant()?,
                cursor: columns.instant()?,
                has_active_run: columns.take()?,
            };
            Ok((id, target))
        })
        .collect()
}

/// Returns the runs recorded before under one of the keys.
pub(crate) async fn fired(
    connection: &mut PgConnection,
    keys: &[(TriggerId, String)],
) -> Result<HashMap<(TriggerId, String), RunId>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT r.trigger_id, r.dedupe_key, r.id FROM unnest($1::uuid[], $2::bytea[]) AS v (trigger_id, dedupe_key) \
         JOIN runs r ON r.trigger_id = v.trigger_id AND r.dedupe_key = v.dedupe_key",
    )
    .bind(keys.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, key)| key.as_bytes()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .or_store_error()?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            let place = (TriggerId::from_uuid(columns.uuid()?), text("dedupe key", columns.take()?)?);
            Ok((place, RunId::from_uuid(columns.uuid()?)))
        })
        .collect()
}

/// Returns the manual run recorded under a key.
pub(crate) async fn requested(
    connection: &mut PgConnection,
    deployment: DeploymentId,
    key: &str,
) -> Result<Option<RunId>> {
    let row = sqlx::query("SELECT id FROM runs WHERE deployment_id = $1 AND dedupe_key = $2 AND trigger_id IS NULL")
        .bind(deployment.uuid())
        .bind(key.as_bytes())
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    row.map(|row| Ok(RunId::from_uuid(row.try_get(0).or_store_error()?))).transpose()
}

/// Sets the cursors of triggers.
pub(crate) async fn move_cursors(connection: &mut PgConnection, cursors: &[(TriggerId, DateTime<Utc>)]) -> Result<()> {
    if cursors.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE triggers SET cursor = v.cursor FROM unnest($1::uuid[], $2::bigint[]) AS v (id, cursor) \
         WHERE triggers.id = v.id",
    )
    .bind(cursors.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>())
    .bind(cursors.iter().map(|(_, at)| micros(*at)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .or_store_error()?;
    Ok(())
}
