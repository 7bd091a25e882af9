//! Reading everything, for a copy of the store.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::SqlitePool;
use uuid::Uuid;
use wren_core::store::{Namespace, RecordPlace, WholeRecord};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, blob, micros, name};

/// Reads ids of deployments.
pub(crate) async fn deployments(
    readers: &SqlitePool,
    after: Option<DeploymentId>,
    limit: usize,
) -> Result<Vec<(OwnerId, DeploymentId)>> {
    const TEXT: &str = "SELECT owner, id FROM deployments WHERE id > ? ORDER BY id LIMIT ?";
    let ids = ids(readers, TEXT, after.map(|id| id.uuid()), limit).await?;
    Ok(ids.into_iter().map(|(owner, id)| (owner, DeploymentId::from_uuid(id))).collect())
}

/// Reads ids of runs.
pub(crate) async fn runs(readers: &SqlitePool, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>> {
    const TEXT: &str = "SELECT owner, id FROM runs WHERE id > ? ORDER BY id LIMIT ?";
    let ids = ids(readers, TEXT, after.map(|id| id.uuid()), limit).await?;
    Ok(ids.into_iter().map(|(owner, id)| (owner, RunId::from_uuid(id))).collect())
}

async fn ids(
    readers: &SqlitePool,
    text: &'static str,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<(OwnerId, Uuid)>> {
    let rows = sqlx::query(text)
        // An empty id is before every id.
        .bind(after.map_or_else(Vec::new, blob))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok((name("owner", columns.text()?)?, columns.uuid()?))
        })
        .collect()
}

/// Reads records of every namespace.
pub(crate) async fn records(
    readers: &SqlitePool,
    after: Option<RecordPlace>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<Vec<WholeRecord>> {
    let (owner, space, key) = match &after {
        Some((namespace, key)) => {
            (namespace.owner().map_or("", |owner| owner.as_str()), namespace.name(), key.as_str())
        }
        // No record has an empty name of its space.
        None => ("", "", ""),
    };
    let rows = sqlx::query(
        "SELECT owner, space, key, value, expires_at FROM records WHERE (owner, space, key) > (?, ?, ?) \
         AND (expires_at IS NULL OR expires_at > ?) ORDER BY owner, space, key LIMIT ?",
    )
    .bind(owner.to_owned())
    .bind(space.to_owned())
    .bind(key.to_owned())
    .bind(micros(now))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            let owner = columns.text()?;
            let space: String = columns.take()?;
            let namespace = match owner {
                "" => Namespace::system(space),
                owner => Namespace::owned(&name("owner", owner)?, space),
            };
            Ok(WholeRecord {
                namespace,
                key: columns.take()?,
                value: Bytes::from(columns.take::<Vec<u8>>()?),
                expires_at: columns.optional_instant()?,
            })
        })
        .collect()
}
