//! A store on which two readers of a record wait for each other, so that both have read it before either goes on.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::Barrier;
use wren_core::Result;
use wren_core::memory::MemoryStore;
use wren_core::store::{Expect, Namespace, PutOptions, Record, RecordKey, RecordStore};

#[derive(Debug)]
pub(crate) struct Rendezvous {
    store: MemoryStore,
    both: Barrier,
}

impl Rendezvous {
    pub(crate) fn new() -> Self {
        Self { store: MemoryStore::new(), both: Barrier::new(2) }
    }
}

#[async_trait]
impl RecordStore for Rendezvous {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        let found = self.store.record(namespace, key, now).await;
        self.both.wait().await;
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
