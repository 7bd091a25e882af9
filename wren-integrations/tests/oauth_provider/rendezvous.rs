//! A store on which readers of credentials wait for each other, so that all have read the same before any goes on.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::Barrier;
use wren_core::Result;
use wren_core::memory::MemoryStore;
use wren_core::store::{Expect, Namespace, PutOptions, Record, RecordKey, RecordStore};

#[derive(Debug, Default)]
pub(crate) struct Rendezvous {
    store: MemoryStore,
    /// Where the next readers wait, and how many of them.
    next: Mutex<Option<(usize, Arc<Barrier>)>>,
}

impl Rendezvous {
    /// Has the next so many reads of a credential wait for each other.
    pub(crate) fn gather(&self, readers: usize) {
        *self.next.lock() = Some((readers, Arc::new(Barrier::new(readers))));
    }

    fn place(&self) -> Option<Arc<Barrier>> {
        let mut next = self.next.lock();
        let (left, barrier) = next.take()?;
        if left > 1 {
            *next = Some((left - 1, Arc::clone(&barrier)));
        }
        Some(barrier)
    }
}

#[async_trait]
impl RecordStore for Rendezvous {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        let found = self.store.record(namespace, key, now).await;
        if *namespace == Namespace::system("vault_credentials")
            && let Some(barrier) = self.place()
        {
            barrier.wait().await;
        }
        found
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        self.store.put_record(namespace, key, value, options).await
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        self.store.delete_record(namespace, key, expect, now).await
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        self.store.records(namespace, prefix, after, limit, now).await
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        self.store.record_keys(namespace, prefix, after, limit, now).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.store.purge_records(now, limit).await
    }
}
