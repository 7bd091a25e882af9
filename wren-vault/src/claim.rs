//! The claim on a credential's refresh: one process of all that share a store asks the provider.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use wren_core::store::{Expect, PutOptions, RecordStore};
use wren_core::{OwnerId, Result};

use crate::error::is_conflict;
use crate::space;

/// How long a claim holds when its process dies. Longer than a refresh may take, so that a live process never loses it.
pub(crate) const HELD_FOR: TimeDelta = TimeDelta::seconds(60);

/// A claim that is held.
#[derive(Debug)]
pub(crate) struct Claim {
    key: String,
    version: u64,
}

impl Claim {
    /// Takes the claim; `None` while another process has it.
    pub(crate) async fn take(
        records: &dyn RecordStore,
        owner: &OwnerId,
        integration: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>> {
        let key = space::credential(owner, integration);
        let value = Bytes::from(Uuid::now_v7().simple().to_string());
        let options = PutOptions::at(now).expecting(Expect::Absent).expiring(now + HELD_FOR);
        match records.put_record(&space::claims(), &key, value, options).await {
            Ok(version) => Ok(Some(Self { key, version })),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the claim back. One that cannot be given back ends by itself.
    pub(crate) async fn release(self, records: &dyn RecordStore, now: DateTime<Utc>) {
        let released = records.delete_record(&space::claims(), &self.key, Expect::Version(self.version), now).await;
        if let Err(error) = released {
            let error = error.chain();
            tracing::debug!(key = self.key, error, "a claim on a refresh was not given back and ends by itself");
        }
    }
}
