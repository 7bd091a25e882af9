//! The audit trail: who took which secret out, what for and when. An entry is written before the secret is handed out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wren_core::store::{Expect, PutOptions, RecordStore};
use wren_core::vault::AccessPurpose;
use wren_core::{CorrelationId, Error, OwnerId, Result, RunId};

use crate::space;

/// How long an entry is kept.
pub const AUDIT_RETENTION: TimeDelta = TimeDelta::days(400);

/// One time that a secret was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Whose secret.
    pub owner: OwnerId,
    /// Of which integration.
    pub integration: String,
    /// Which field of the credential.
    pub field: String,
    /// Which version of the credential.
    pub version: u64,
    /// What for.
    pub purpose: String,
    /// For which run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// For which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
}

impl AuditEntry {
    pub(crate) fn new(
        (owner, integration, field): (&OwnerId, &str, &str),
        version: u64,
        purpose: &AccessPurpose,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            at,
            owner: owner.clone(),
            integration: integration.to_owned(),
            field: field.to_owned(),
            version,
            purpose: purpose.what.clone(),
            run_id: purpose.run_id,
            correlation_id: purpose.correlation_id.clone(),
        }
    }
}

/// Writes and reads entries: records of the platform's space `audit`, whose keys sort by time.
#[derive(Clone)]
pub struct AuditTrail {
    records: Arc<dyn RecordStore>,
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuditTrail").finish_non_exhaustive()
    }
}

/// Returns what the keys of that instant begin with. All have the same length until the year 9999.
fn prefix(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl AuditTrail {
    /// Keeps entries in a record store.
    #[must_use]
    pub fn new(records: Arc<dyn RecordStore>) -> Self {
        Self { records }
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`: the entry may not be there, and what it was to allow MUST NOT happen.
    pub async fn write(&self, entry: &AuditEntry) -> Result<()> {
        let key = format!("{}/{}", prefix(entry.at), Uuid::now_v7().simple());
        let value = serde_json::to_vec(entry).map_err(|error| Error::internal("encoding an audit entry", error))?;
        let options = PutOptions::at(entry.at).expecting(Expect::Absent).expiring(entry.at + AUDIT_RETENTION);
        self.records.put_record(&space::audit(), &key, Bytes::from(value), options).await.map(drop)
    }

    /// Returns entries in the order of time, at most `limit`, each with the key to go on after. Begin with `None`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn entries(
        &self,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<(String, AuditEntry)>> {
        let records = self.records.records(&space::audit(), "", after, limit, now).await?;
        let decode = |value: &Bytes| {
            serde_json::from_slice(value).map_err(|error| Error::internal("an audit entry is not readable", error))
        };
        records.into_iter().map(|record| Ok((record.key, decode(&record.value)?))).collect()
    }
}
