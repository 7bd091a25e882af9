//! Reading everything, for a copy of the store.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;
use wren_core::store::{Namespace, RecordPlace, WholeRecord};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::records::place;
use crate::rows::{Columns, micros, name, number, text};

/// Reads ids of deployments.
pub(crate) async fn deployments(
    readers: &PgPool,
    after: Option<DeploymentId>,
    limit: usize,
) -> Result<Vec<(OwnerId, DeploymentId)>> {
    const TEXT: &str = "SELECT owner, id FROM deployments WHERE id > $1 ORDER BY id LIMIT $2";
    let ids = ids(readers, TEXT, after.map(|id| id.uuid()), limit).await?;
    Ok(ids.into_iter().map(|(owner, id)| (owner, DeploymentId::from_uuid(id))).collect())
}

/// Reads ids of runs.
pub(crate) async fn runs(readers: &PgPool, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>> {
    const TEXT: &str = "SELECT owner, id FROM runs WHERE id > $1 ORDER BY id LIMIT $2";
    let ids = ids(readers, TEXT, after.map(|id| id.uuid()), limit).await?;
    Ok(ids.into_iter().map(|(owner, id)| (owner, RunId::from_uuid(id))).collect())
}

async fn ids(readers: &PgPool, text: &'static str, after: Option<Uuid>, limit: usize) -> Result<Vec<(OwnerId, Uuid)>> {
    let rows = sqlx::query(text)
        .bind(after.unwrap_or(Uuid::nil()))
        .bind(number(limit))
        .fetch_all(readers)
        .await
        .or_store_error()?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok((columns.name("owner")?, columns.uuid()?))
        })
        .collect()
}

/// Reads records of every namespace.
pub(crate) async fn records(
    readers: &PgPool,
    after: Option<RecordPlace>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<Vec<WholeRecord>> {
    let (owner, space, key) = match &after {
        Some((namespace, key)) => {
            let (owner, space) = place(namespace);
            (owner, space, key.as_bytes())
        }
        // No record has an empty name of its space.
        None => ("", &[][..], &[][..]),
    };
    let rows = sqlx::query(
        "SELECT owner, space, key, value, expires_at FROM records WHERE (owner, space, key) > ($1, $2, $3) \
         AND (expires_at IS NULL OR expires_at > $4) ORDER BY owner, space, key LIMIT $5",
    )
    .bind(owner)
    .bind(space)
    .bind(key)
    .bind(micros(now))
    .bind(number(limit))
    .fetch_all(readers)
    .await
    .or_store_error()?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            let owner: &str = columns.take()?;
            let space = text("space", columns.take()?)?;
            let namespace = match owner {
                "" => Namespace::system(space),
                owner => Namespace::owned(&name("owner", owner)?, space),
            };
            Ok(WholeRecord {
                namespace,
                key: text("key", columns.take()?)?,
                value: Bytes::from(columns.take::<Vec<u8>>()?),
                expires_at: columns.optional_instant()?,
            })
        })
        .collect()
}
