//! What an operator has set for one owner.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Quotas;
use crate::error::{Error, Result};
use crate::id::OwnerId;
use crate::store::{Expect, Namespace, PutOptions, Record, RecordStore};

/// How many records are read at once.
const PAGE: usize = 1_000;

/// A limit that stands in place of the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// None at all.
    Unlimited,
    /// So many, or so many bytes.
    AtMost(u64),
}

impl Limit {
    /// Returns the number; `None` is no limit.
    #[must_use]
    pub const fn as_option(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::AtMost(limit) => Some(limit),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => formatter.write_str("unlimited"),
            Self::AtMost(limit) => write!(formatter, "{limit}"),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unlimited" => Ok(Self::Unlimited),
            number => number.parse().map(Self::AtMost).map_err(|_| "expected a number or `unlimited`".to_owned()),
        }
    }
}

/// What holds for one owner in place of the defaults; what is `None` is left at its default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct QuotaOverrides {
    /// In place of [`Quotas::deployments`].
    pub deployments: Option<Limit>,
    /// In place of [`Quotas::triggers`].
    pub triggers: Option<Limit>,
    /// In place of [`Quotas::runs_per_day`].
    pub runs_per_day: Option<Limit>,
    /// In place of [`Quotas::log_bytes_per_day`].
    pub log_bytes_per_day: Option<Limit>,
}

impl QuotaOverrides {
    /// Returns the quotas that hold.
    #[must_use]
    pub fn over(&self, defaults: Quotas) -> Quotas {
        let choose = |own: Option<Limit>, default| own.map_or(default, Limit::as_option);
        Quotas {
            deployments: choose(self.deployments, defaults.deployments),
            triggers: choose(self.triggers, defaults.triggers),
            runs_per_day: choose(self.runs_per_day, defaults.runs_per_day),
            log_bytes_per_day: choose(self.log_bytes_per_day, defaults.log_bytes_per_day),
        }
    }

    /// Returns these with what another sets in place of their own.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            deployments: other.deployments.or(self.deployments),
            triggers: other.triggers.or(self.triggers),
            runs_per_day: other.runs_per_day.or(self.runs_per_day),
            log_bytes_per_day: other.log_bytes_per_day.or(self.log_bytes_per_day),
        }
    }

    /// Says whether all is left at its default.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Keeps what operators set for owners, on any record store. Engines that run hear of a change within ten seconds.
#[derive(Clone)]
pub struct OwnerQuotas {
    records: Arc<dyn RecordStore>,
}

impl fmt::Debug for OwnerQuotas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OwnerQuotas").finish_non_exhaustive()
    }
}

impl OwnerQuotas {
    /// Keeps them in a record store.
    #[must_use]
    pub fn new(records: Arc<dyn RecordStore>) -> Self {
        Self { records }
    }

    /// Returns what is set for an owner; nothing for one who has the defaults.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; `INTERNAL` when the record is not readable.
    pub async fn of(&self, owner: &OwnerId, now: DateTime<Utc>) -> Result<QuotaOverrides> {
        of(&*self.records, owner, now).await
    }

    /// Sets what holds for an owner, in place of all that was set before; empty overrides leave the defaults.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn set(&self, owner: &OwnerId, overrides: QuotaOverrides, now: DateTime<Utc>) -> Result<()> {
        if overrides.is_empty() {
            return self.records.delete_record(&space(), owner.as_str(), Expect::Any, now).await.map(drop);
        }
        let value = serde_json::to_vec(&overrides).map_err(|error| Error::internal("encoding quotas", error))?;
        let (space, options) = (space(), PutOptions::at(now));
        self.records.put_record(&space, owner.as_str(), Bytes::from(value), options).await.map(drop)
    }
}

/// Returns what is set for an owner.
pub(crate) async fn of(
    records: &(impl RecordStore + ?Sized),
    owner: &OwnerId,
    now: DateTime<Utc>,
) -> Result<QuotaOverrides> {
    match records.record(&space(), owner.as_str(), now).await? {
        Some(record) => read(&record).map_err(|error| Error::internal("a record of quotas is not readable", error)),
        None => Ok(QuotaOverrides::default()),
    }
}

/// Returns what is set for anybody.
pub(crate) async fn all(
    records: &(impl RecordStore + ?Sized),
    now: DateTime<Utc>,
) -> Result<HashMap<OwnerId, QuotaOverrides>> {
    let mut found = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = records.records(&space(), "", after.as_deref(), PAGE, now).await?;
        for record in &page {
            match (OwnerId::new(record.key.as_str()), read(record)) {
                (Ok(owner), Ok(overrides)) => drop(found.insert(owner, overrides)),
                // One that cannot be read must not keep all others from running.
                _ => tracing::error!(
                    owner = record.key,
                    "a record of quotas is not readable: its owner has the defaults"
                ),
            }
        }
        if page.len() < PAGE {
            return Ok(found);
        }
        after = page.last().map(|record| record.key.clone());
    }
}

fn read(record: &Record) -> Result<QuotaOverrides, serde_json::Error> {
    serde_json::from_slice(&record.value)
}

fn space() -> Namespace {
    Namespace::system("quotas")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    #[tokio::test]
    async fn what_is_set_holds_in_place_of_the_default_and_the_rest_stays() {
        let (quotas, ada, now) =
            (OwnerQuotas::new(Arc::new(MemoryStore::new())), OwnerId::new("ada").unwrap(), Utc::now());
        let defaults = Quotas { deployments: Some(5), triggers: Some(50), ..Quotas::default() };
        assert_eq!(quotas.of(&ada, now).await.unwrap().over(defaults), defaults);
        let own = QuotaOverrides {
            deployments: Some(Limit::Unlimited),
            runs_per_day: Some(Limit::AtMost(7)),
            ..QuotaOverrides::default()
        };
        quotas.set(&ada, own, now).await.unwrap();
        let expected = Quotas { deployments: None, triggers: Some(50), runs_per_day: Some(7), ..Quotas::default() };
        assert_eq!(quotas.of(&ada, now).await.unwrap().over(defaults), expected);
        assert_eq!(all(&*quotas.records, now).await.unwrap(), HashMap::from([(ada.clone(), own)]));
        quotas.set(&ada, QuotaOverrides::default(), now).await.unwrap();
        assert!(all(&*quotas.records, now).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_nobody_elses_trouble() {
        let (store, ada, now) = (MemoryStore::new(), OwnerId::new("ada").unwrap(), Utc::now());
        store.put_record(&space(), "ada", Bytes::from_static(b"?"), PutOptions::at(now)).await.unwrap();
        assert!(all(&store, now).await.unwrap().is_empty());
        assert!(of(&store, &ada, now).await.is_err());
    }
}
