//! Flows that have begun and not come back, each under the hash of its state.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wren_core::store::{Expect, Namespace, PutOptions, RecordStore};
use wren_core::{Error, ErrorCode, OwnerId, Result};

/// How long a user may take to give leave. RFC 6749 gives the code that follows as long at most.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// A flow that has begun. Without `Debug`: the verifier is nobody's business.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) owner: OwnerId,
    pub(super) integration: String,
    pub(super) verifier: String,
    /// What was asked for: what a provider grants when it does not say (RFC 6749, section 5.1).
    pub(super) scopes: Vec<String>,
}

/// The flows that have begun, on any record store.
#[derive(Clone)]
pub(super) struct States(Arc<dyn RecordStore>);

impl fmt::Debug for States {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("States").finish_non_exhaustive()
    }
}

impl States {
    pub(super) fn new(records: Arc<dyn RecordStore>) -> Self {
        Self(records)
    }

    /// Keeps a flow until its state comes back.
    pub(super) async fn keep(&self, state: &SecretString, pending: &Pending, now: DateTime<Utc>) -> Result<()> {
        let value = serde_json::to_vec(pending).map_err(|error| Error::internal("encoding an OAuth state", error))?;
        let options = PutOptions::at(now).expecting(Expect::Absent).expiring(now + LIFETIME);
        self.0.put_record(&space(), &key(state), Bytes::from(value), options).await?;
        Ok(())
    }

    /// Takes the flow of a state; `None` when there is none, it has ended, or somebody took it before.
    pub(super) async fn take(&self, state: &SecretString, now: DateTime<Utc>) -> Result<Option<Pending>> {
        let key = key(state);
        let Some(record) = self.0.record(&space(), &key, now).await? else { return Ok(None) };
        // At its version: of two callers that have both read it, one deletes it, and only that one goes on.
        match self.0.delete_record(&space(), &key, Expect::Version(record.version), now).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.code() == ErrorCode::Conflict => return Ok(None),
            Err(error) => return Err(error),
        }
        // The parser's error could quote the verifier.
        let unreadable = |_| Error::new(ErrorCode::Internal, "an OAuth state's record is not readable");
        serde_json::from_slice(&record.value).map(Some).map_err(unreadable)
    }
}

fn space() -> Namespace {
    Namespace::system("oauth")
}

/// A hash, so that who reads the store cannot end a flow. A fast one is right for 256 random bits.
fn key(state: &SecretString) -> String {
    Sha256::digest(state.expose_secret().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
