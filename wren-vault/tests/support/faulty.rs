//! A record store that fails at one write: before it, or after it was done.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use wren_core::store::{Expect, Namespace, PutOptions, Record, RecordKey, RecordStore};
use wren_core::{Error, ErrorCode, Result};

/// When the write that fails fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing was written.
    Before,
    /// It was written, and the answer was lost.
    After,
}

pub(crate) struct FaultyStore {
    inner: Arc<dyn RecordStore>,
    fault: Fault,
    /// How many writes go well; after the one that fails nothing works, as in a process that was killed.
    left: AtomicI64,
    /// Only writes to this space count and fail; all do without one.
    only: Option<Namespace>,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FaultyStore")
    }
}

fn down() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "killed here")
}

impl FaultyStore {
    pub(crate) fn new(inner: Arc<dyn RecordStore>, fault: Fault, after: i64) -> Self {
        Self { inner, fault, left: AtomicI64::new(after), only: None }
    }

    pub(crate) fn only(mut self, namespace: Namespace) -> Self {
        self.only = Some(namespace);
        self
    }

    /// Says whether the write that fails was reached.
    pub(crate) fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn counts(&self, namespace: &Namespace) -> bool {
        self.only.as_ref().is_none_or(|only| only == namespace)
    }

    /// Counts a write: whether it is done, and whether it is answered.
    fn write(&self, namespace: &Namespace) -> (bool, bool) {
        if !self.counts(namespace) {
            return (true, true);
        }
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => (true, true),
            0 => (self.fault == Fault::After, false),
            _ => (false, false),
        }
    }

    fn read(&self) -> Result<()> {
        if self.only.is_none() && self.has_failed() { Err(down()) } else { Ok(()) }
    }
}

#[async_trait]
impl RecordStore for FaultyStore {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        self.read()?;
        self.inner.record(namespace, key, now).await
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        let (done, answered) = self.write(namespace);
        let written = if done { self.inner.put_record(namespace, key, value, options).await } else { Err(down()) };
        if answered { written } else { Err(down()) }
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let (done, answered) = self.write(namespace);
        let deleted = if done { self.inner.delete_record(namespace, key, expect, now).await } else { Err(down()) };
        if answered { deleted } else { Err(down()) }
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        self.read()?;
        self.inner.records(namespace, prefix, after, limit, now).await
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        self.read()?;
        self.inner.record_keys(namespace, prefix, after, limit, now).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.inner.purge_records(now, limit).await
    }
}
