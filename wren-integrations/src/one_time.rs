//! What is kept until a token comes back: each under the hash of its token, taken once, for ten minutes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use wren_core::store::{Expect, Namespace, PutOptions, Record, RecordStore};
use wren_core::{Error, ErrorCode, Result};

/// How long a user may take. RFC 6749 gives the code that follows an OAuth state as long at most.
pub(crate) const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// Values under one-time tokens, on any record store.
#[derive(Clone)]
pub(crate) struct OneTime {
    records: Arc<dyn RecordStore>,
    space: &'static str,
}

impl fmt::Debug for OneTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OneTime").field("space", &self.space).finish_non_exhaustive()
    }
}

impl OneTime {
    /// Keeps values in a space of the platform.
    pub(crate) fn new(records: Arc<dyn RecordStore>, space: &'static str) -> Self {
        Self { records, space }
    }

    /// Keeps a value until its token comes back; returns when it ends.
    pub(crate) async fn keep(
        &self,
        token: &SecretString,
        value: &impl Serialize,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>> {
        let value =
            serde_json::to_vec(value).map_err(|error| Error::internal(format!("encoding for {self:?}"), error))?;
        let end = now + LIFETIME;
        let options = PutOptions::at(now).expecting(Expect::Absent).expiring(end);
        self.records.put_record(&self.namespace(), &key(token), Bytes::from(value), options).await?;
        Ok(end)
    }

    /// Reads the value of a token without taking it.
    pub(crate) async fn look<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Option<T>> {
        let found = self.records.record(&self.namespace(), &key(token), now).await?;
        found.map(|record| self.read(&record)).transpose()
    }

    /// Takes the value of a token; `None` when there is none, it has ended, or somebody took it before.
    pub(crate) async fn take<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Option<T>> {
        let (space, key) = (self.namespace(), key(token));
        let Some(record) = self.records.record(&space, &key, now).await? else { return Ok(None) };
        // At its version: of two callers that have both read it, one deletes it, and only that one goes on.
        match self.records.delete_record(&space, &key, Expect::Version(record.version), now).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.code() == ErrorCode::Conflict => return Ok(None),
            Err(error) => return Err(error),
        }
        self.read(&record).map(Some)
    }

    fn read<T: DeserializeOwned>(&self, record: &Record) -> Result<T> {
        // The parser's error could quote what is nobody's business.
        let unreadable = |_| Error::new(ErrorCode::Internal, format!("a record of {self:?} is not readable"));
        serde_json::from_slice(&record.value).map_err(unreadable)
    }

    fn namespace(&self) -> Namespace {
        Namespace::system(self.space)
    }
}

/// A hash, so that who reads the store cannot use a token. A fast one is right for 256 random bits.
fn key(token: &SecretString) -> String {
    Sha256::digest(token.expose_secret().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
