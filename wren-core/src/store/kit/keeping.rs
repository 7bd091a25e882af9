//! Writes of small records.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::job::{Operation, Single};
use super::tables::Tables;
use crate::error::{Error, ErrorCode, Result};
use crate::store::{Expect, Namespace, RecordWrite};

/// Writes a record.
pub(super) struct PutRecord(pub(super) RecordWrite);

#[async_trait]
impl Operation for PutRecord {
    type Output = u64;

    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<u64>>> {
        let mut answers: Vec<(usize, Result<u64>)> = Vec::with_capacity(operations.len());
        // Where rows are locked everybody locks them in this order. Those of one key stay in the order of arrival.
        let mut ordered: Vec<(usize, &Self)> = operations.iter().enumerate().collect();
        ordered.sort_by_key(|(_, put)| place_of(&put.0));
        for (place, put) in ordered {
            answers.push((place, write(tables, &put.0).await?));
        }
        answers.sort_unstable_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

/// Returns what records are locked in the order of.
pub(super) fn place_of(record: &RecordWrite) -> (&Namespace, &str) {
    (&record.namespace, &record.key)
}

/// Writes a record and returns its version, or the refusal.
pub(super) async fn write(tables: &mut dyn Tables, record: &RecordWrite) -> Result<Result<u64>> {
    let RecordWrite { namespace, key, value, options } = record;
    let version = tables.put_record(namespace, key, value, *options).await?;
    Ok(version.ok_or_else(|| conflict(key, options.expect)))
}

/// Deletes a record.
pub(super) struct DeleteRecord {
    pub(super) namespace: Namespace,
    pub(super) key: String,
    /// Only at this version.
    pub(super) version: Option<u64>,
    pub(super) now: DateTime<Utc>,
}

#[async_trait]
impl Single for DeleteRecord {
    type Output = bool;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<bool>> {
        let deleted = tables.delete_record(&self.namespace, &self.key, self.version, self.now).await?;
        Ok(match self.version {
            Some(version) if !deleted => Err(conflict(&self.key, Expect::Version(version))),
            Some(_) | None => Ok(deleted),
        })
    }
}

/// Deletes expired records.
pub(super) struct Purge {
    pub(super) now: DateTime<Utc>,
    pub(super) limit: usize,
}

#[async_trait]
impl Single for Purge {
    type Output = usize;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<usize>> {
        tables.purge_records(self.now, self.limit).await.map(Ok)
    }
}

fn conflict(key: &str, expect: Expect) -> Error {
    let what = match expect {
        Expect::Absent => "exists",
        Expect::Version(_) | Expect::Any => "is absent or at another version",
    };
    Error::new(ErrorCode::Conflict, format!("the record `{key}` {what}"))
}
