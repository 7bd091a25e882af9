//! What fires read and write.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{Row, SqliteConnection};
use wren_core::model::{DeploymentStatus, TriggerKind};
use wren_core::store::kit::{FireTarget, parsed};
use wren_core::{DeploymentId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::rows::{self, Columns, blob, micros, word};
use crate::sql::{pieces, with_list, with_rows};

pub(crate) const MOVE_CURSORS: &str = "WITH v (id, cursor) AS (VALUES {rows}) \
     UPDATE triggers SET cursor = v.cursor FROM v WHERE triggers.id = v.id";

pub(crate) const TARGETS: &str = "SELECT t.id, t.owner, t.deployment_id, t.revision, t.kind, t.func, t.policy, d.status, \
     d.paused_until, t.cursor, EXISTS (SELECT 1 FROM runs r WHERE r.deployment_id = t.deployment_id AND r.trigger_id = t.id \
     AND r.completed_at IS NULL) \
     FROM triggers t CROSS JOIN deployments d ON d.id = t.deployment_id WHERE t.id IN ({list})";

pub(crate) const KNOWN: &str = "WITH v (trigger_id, dedupe_key) AS (VALUES {rows}) \
     SELECT r.trigger_id, r.dedupe_key, r.id \
     FROM v CROSS JOIN runs r ON r.trigger_id = v.trigger_id AND r.dedupe_key = v.dedupe_key";

/// Returns what fires need to know of the triggers.
pub(crate) async fn targets(
    connection: &mut SqliteConnection,
    ids: &[TriggerId],
) -> Result<HashMap<TriggerId, FireTarget>> {
    let mut targets = HashMap::with_capacity(ids.len());
    for piece in pieces(ids) {
        let mut statement = with_list(TARGETS, piece.len());
        for id in piece {
            statement = statement.bind(blob(id.uuid()));
        }
        for row in statement.fetch_all(&mut *connection).await.or_store_error()? {
            let mut columns = Columns::new(&row);
            let id = TriggerId::from_uuid(columns.uuid()?);
            let target = FireTarget {
                owner: rows::name("owner", columns.text()?)?,
                deployment_id: DeploymentId::from_uuid(columns.uuid()?),
                revision: columns.number("revision")?,
                kind: word("kind", columns.text()?, TriggerKind::parse)?,
                func: columns.take()?,
                policy: parsed("policy", columns.text()?)?,
                status: word("status", columns.text()?, DeploymentStatus::parse)?,
                paused_until: columns.optional_instant()?,
                cursor: columns.instant()?,
                has_active_run: columns.take::<i64>()? != 0,
            };
            targets.insert(id, target);
        }
    }
    Ok(targets)
}

/// Returns the runs recorded before under one of the keys.
pub(crate) async fn fired(
    connection: &mut SqliteConnection,
    keys: &[(TriggerId, String)],
) -> Result<HashMap<(TriggerId, String), RunId>> {
    let mut known = HashMap::with_capacity(keys.len());
    for piece in pieces(keys) {
        let mut statement = with_rows(KNOWN, piece.len(), 2);
        for (trigger, key) in piece {
            statement = statement.bind(blob(trigger.uuid())).bind(key.clone());
        }
        for row in statement.fetch_all(&mut *connection).await.or_store_error()? {
            let mut columns = Columns::new(&row);
            let trigger = TriggerId::from_uuid(columns.uuid()?);
            let key: String = columns.take()?;
            known.insert((trigger, key), RunId::from_uuid(columns.uuid()?));
        }
    }
    Ok(known)
}

/// Returns the manual run recorded under a key.
pub(crate) async fn requested(
    connection: &mut SqliteConnection,
    deployment: DeploymentId,
    key: &str,
) -> Result<Option<RunId>> {
    let row = sqlx::query("SELECT id FROM runs WHERE deployment_id = ? AND dedupe_key = ? AND trigger_id IS NULL")
        .bind(blob(deployment.uuid()))
        .bind(key.to_owned())
        .fetch_optional(connection)
        .await
        .or_store_error()?;
    row.map(|row| Ok(RunId::from_uuid(rows::uuid(row.try_get(0).or_store_error()?)?))).transpose()
}

/// Sets the cursors of triggers.
pub(crate) async fn move_cursors(
    connection: &mut SqliteConnection,
    cursors: &[(TriggerId, DateTime<Utc>)],
) -> Result<()> {
    for piece in pieces(cursors) {
        let mut statement = with_rows(MOVE_CURSORS, piece.len(), 2);
        for (id, cursor) in piece {
            statement = statement.bind(blob(id.uuid())).bind(micros(*cursor));
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}
