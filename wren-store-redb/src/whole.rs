//! Reading everything, for a copy of the store.

use std::ops::Bound;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use redb::{ReadTransaction, TableDefinition};
use uuid::Uuid;
use wren_core::store::kit::unreadable;
use wren_core::store::{Namespace, RecordPlace, WholeRecord};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::encoding::{decode, instant};
use crate::error::OrStoreError;
use crate::layout::{self, DEPLOYMENTS, Id, RECORDS, RUNS};
use crate::records::{is_live, place};
use crate::rows::Opens;

/// The part of a deployment or a run that says whose it is.
#[derive(serde::Deserialize)]
struct OwnerRow {
    owner: OwnerId,
}

/// Reads ids of deployments.
pub(crate) fn deployments(
    transaction: &ReadTransaction,
    after: Option<DeploymentId>,
    limit: usize,
) -> Result<Vec<(OwnerId, DeploymentId)>> {
    let ids = ids(transaction, DEPLOYMENTS, after.map(|id| id.uuid()), limit)?;
    Ok(ids.into_iter().map(|(owner, id)| (owner, DeploymentId::from_uuid(id))).collect())
}

/// Reads ids of runs.
pub(crate) fn runs(transaction: &ReadTransaction, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>> {
    let ids = ids(transaction, RUNS, after.map(|id| id.uuid()), limit)?;
    Ok(ids.into_iter().map(|(owner, id)| (owner, RunId::from_uuid(id))).collect())
}

fn ids(
    transaction: &ReadTransaction,
    table: TableDefinition<'static, Id, layout::Bytes>,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<(OwnerId, Uuid)>> {
    let after = after.map(|id| *id.as_bytes());
    let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut found = Vec::new();
    let table = transaction.table(table)?;
    for entry in table.range::<&[u8; 16]>((start, Bound::Unbounded)).or_store_error()?.take(limit) {
        let (id, row) = entry.or_store_error()?;
        let OwnerRow { owner } = decode("owner", row.value())?;
        found.push((owner, Uuid::from_bytes(*id.value())));
    }
    Ok(found)
}

/// Reads records of every namespace.
pub(crate) fn records(
    transaction: &ReadTransaction,
    after: Option<RecordPlace>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<Vec<WholeRecord>> {
    let start = match &after {
        Some((namespace, key)) => {
            let (owner, space) = place(namespace);
            Bound::Excluded((owner, space, key.as_str()))
        }
        None => Bound::Unbounded,
    };
    let table = transaction.table(RECORDS)?;
    let mut found = Vec::new();
    for entry in table.range::<(&str, &str, &str)>((start, Bound::Unbounded)).or_store_error()? {
        if found.len() >= limit {
            break;
        }
        let (place, row) = entry.or_store_error()?;
        let ((owner, space, key), (_, expires_at, value)) = (place.value(), row.value());
        if !is_live(expires_at, now) {
            continue;
        }
        let namespace = match owner {
            "" => Namespace::system(space),
            owner => {
                let owner = OwnerId::new(owner).map_err(|error| unreadable("owner", error))?;
                Namespace::owned(&owner, space)
            }
        };
        found.push(WholeRecord {
            namespace,
            key: key.to_owned(),
            value: Bytes::copy_from_slice(value),
            expires_at: expires_at.map(instant).transpose()?,
        });
    }
    Ok(found)
}
