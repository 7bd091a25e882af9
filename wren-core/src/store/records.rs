//! Small records by key: API keys, script state, OAuth states, cursors, leases.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::id::{DeploymentId, OwnerId};

/// Where a record lives: the platform's own space or one owner's, and a name within it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace {
    owner: Option<OwnerId>,
    name: String,
}

impl Namespace {
    /// Names a space of the platform, for what belongs to no owner.
    #[must_use]
    pub fn system(name: impl Into<String>) -> Self {
        Self { owner: None, name: name.into() }
    }

    /// Names a space of an owner.
    #[must_use]
    pub fn owned(owner: &OwnerId, name: impl Into<String>) -> Self {
        Self { owner: Some(owner.clone()), name: name.into() }
    }

    /// Returns whose it is; `None` for the platform.
    #[must_use]
    pub fn owner(&self) -> Option<&OwnerId> {
        self.owner.as_ref()
    }

    /// Returns the name within the owner's or the platform's space.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Returns where a deployment's script keeps its state. It goes when the deployment is undeployed.
#[must_use]
pub fn state_namespace(owner: &OwnerId, deployment: DeploymentId) -> Namespace {
    Namespace::owned(owner, format!("state/{deployment}"))
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: String,
    /// Its value; up to 1 MiB.
    pub value: Bytes,
    /// Changes with every write, and never comes back within the life of a key.
    pub version: u64,
    /// When it ends to exist.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A stored record without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordKey {
    /// Its key.
    pub key: String,
    /// The size of its value, in bytes.
    pub bytes: u64,
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expect {
    /// Anything or nothing.
    #[default]
    Any,
    /// No record, or an expired one.
    Absent,
    /// The record at this version.
    Version(u64),
}

/// How to put a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOptions {
    /// What the write expects to find.
    pub expect: Expect,
    /// When the record ends to exist.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time, by which an existing record is expired or not.
    pub now: DateTime<Utc>,
}

impl PutOptions {
    /// Returns options for a record without an end, over whatever is there.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { expect: Expect::Any, expires_at: None, now }
    }

    /// Sets what the write expects to find.
    #[must_use]
    pub fn expecting(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// Sets when the record ends to exist.
    #[must_use]
    pub fn expiring(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }
}

/// A record to write together with something else, as by [`record_fires`](super::RunStore::record_fires).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWrite {
    /// Where it lives.
    pub namespace: Namespace,
    /// Its key.
    pub key: String,
    /// Its value; up to 1 MiB.
    pub value: Bytes,
    /// What the write expects to find, and when the record ends.
    pub options: PutOptions,
}

/// Keeps small records.
///
/// An expired record (`expires_at <= now`) is answered as if it did not exist, whether or not it has been purged. Keys are
/// compared and sorted by their UTF-8 bytes.
#[async_trait]
pub trait RecordStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the record, or `None`.
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>>;

    /// Writes the record and returns its new version.
    ///
    /// # Errors
    /// `CONFLICT` when the expectation does not hold; nothing was written.
    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64>;

    /// Deletes the record; says whether it did. With `Expect::Absent` it deletes nothing.
    ///
    /// # Errors
    /// `CONFLICT` when a version was expected and the record is absent or at another; nothing was deleted.
    async fn delete_record(&self, namespace: &Namespace, key: &str, expect: Expect, now: DateTime<Utc>)
    -> Result<bool>;

    /// Returns the records whose key begins with `prefix` and is greater than `after`, by key, at most `limit`.
    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>>;

    /// Returns the keys of what [`records`](Self::records) returns, and the sizes of the values, without reading these.
    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>>;

    /// Deletes at most `limit` expired records of every namespace; returns how many.
    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize>;
}
