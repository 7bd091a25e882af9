//! How far a rotation is: a record, so that any process goes on where one was killed.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use wren_core::store::{Expect, PutOptions, RecordStore};
use wren_core::{Error, Result};

use crate::error::is_conflict;
use crate::key;
use crate::space::{self, TIMELESS};

const KEY: &str = "rotation";

/// What a rotation does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RotationPhase {
    /// It makes the new generation of the master key.
    Advancing,
    /// It makes new key-encryption keys and wraps what they wrap, owner by owner.
    Rewrapping,
    /// It retires the generations before.
    Retiring,
}

/// The record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) format: u8,
    /// Names the rotation.
    pub(super) id: String,
    pub(super) started_at: DateTime<Utc>,
    pub(super) phase: RotationPhase,
    /// The generation of the master key that it leads to.
    pub(super) to: Option<String>,
    /// The last owner who is done.
    pub(super) after: Option<String>,
    /// How many credentials are done.
    pub(super) done: u64,
}

impl Progress {
    pub(super) fn begin(now: DateTime<Utc>) -> Result<Self> {
        let id = key::hex(&key::random::<16>()?);
        Ok(Self { format: 1, id, started_at: now, phase: RotationPhase::Advancing, to: None, after: None, done: 0 })
    }

    /// Returns the record of the rotation that has begun and not ended, with its version.
    pub(super) async fn read(records: &dyn RecordStore) -> Result<Option<(Self, u64)>> {
        let Some(record) = records.record(&space::vault(), KEY, TIMELESS).await? else { return Ok(None) };
        let progress: Self = serde_json::from_slice(&record.value)
            .map_err(|error| Error::internal("the record of the rotation is not readable", error))?;
        Ok(Some((progress, record.version)))
    }

    /// Writes the record; false when another process wrote first.
    pub(super) async fn write(&self, records: &dyn RecordStore, expect: Expect) -> Result<bool> {
        let value = serde_json::to_vec(self).map_err(|error| Error::internal("encoding a rotation's record", error))?;
        let options = PutOptions::at(TIMELESS).expecting(expect);
        settled(records.put_record(&space::vault(), KEY, Bytes::from(value), options).await)
    }

    /// Deletes the record: the rotation has ended. False when another process wrote first.
    pub(super) async fn end(records: &dyn RecordStore, version: u64) -> Result<bool> {
        settled(records.delete_record(&space::vault(), KEY, Expect::Version(version), TIMELESS).await)
    }
}

fn settled<T>(written: Result<T>) -> Result<bool> {
    match written {
        Ok(_) => Ok(true),
        Err(error) if is_conflict(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
