//! Records in memory.

use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::state::State;
use super::{MemoryStore, micros};
use crate::error::{Error, ErrorCode, Result};
use crate::store::{Expect, Namespace, PutOptions, Record, RecordKey, RecordStore, RecordWrite};

fn is_live(record: &Record, now: DateTime<Utc>) -> bool {
    record.expires_at.is_none_or(|end| end > now)
}

#[async_trait]
impl RecordStore for MemoryStore {
    async fn record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        Ok(self.lock().live(namespace, key, micros(now)).cloned())
    }

    async fn put_record(&self, namespace: &Namespace, key: &str, value: Bytes, options: PutOptions) -> Result<u64> {
        let write = RecordWrite { namespace: namespace.clone(), key: key.to_owned(), value, options };
        self.lock().put(write).map(|(version, _)| version)
    }

    async fn delete_record(
        &self,
        namespace: &Namespace,
        key: &str,
        expect: Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        if expect == Expect::Absent {
            return Ok(false);
        }
        let now = micros(now);
        let mut state = self.lock();
        state.expect(namespace, key, expect, now)?;
        let Some(records) = state.records.get_mut(namespace) else { return Ok(false) };
        let deleted = records.remove(key).is_some_and(|record| is_live(&record, now));
        if records.is_empty() {
            state.records.remove(namespace);
        }
        Ok(deleted)
    }

    async fn records(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>> {
        Ok(self.lock().listed(namespace, prefix, after, micros(now)).take(limit).cloned().collect())
    }

    async fn record_keys(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<RecordKey>> {
        let state = self.lock();
        let records = state.listed(namespace, prefix, after, micros(now)).take(limit);
        Ok(records.map(|record| RecordKey { key: record.key.clone(), bytes: record.value.len() as u64 }).collect())
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        let now = micros(now);
        let mut left = limit;
        self.lock().records.retain(|_, records| {
            records.retain(|_, record| {
                let purge = left > 0 && !is_live(record, now);
                left -= usize::from(purge);
                !purge
            });
            !records.is_empty()
        });
        Ok(limit - left)
    }
}

impl State {
    /// Writes a record; returns its version and the one that stood in its place.
    fn put(&mut self, write: RecordWrite) -> Result<(u64, Option<Record>)> {
        let RecordWrite { namespace, key, value, options } = write;
        self.expect(&namespace, &key, options.expect, micros(options.now))?;
        self.last_version += 1;
        let version = self.last_version;
        let record = Record { key: key.clone(), value, version, expires_at: options.expires_at.map(micros) };
        Ok((version, self.records.entry(namespace).or_default().insert(key, record)))
    }

    /// Writes all of the records, or none.
    pub(super) fn put_all(&mut self, writes: Vec<RecordWrite>) -> Result<()> {
        let mut written = Vec::with_capacity(writes.len());
        for write in writes {
            let (namespace, key) = (write.namespace.clone(), write.key.clone());
            match self.put(write) {
                Ok((_, before)) => written.push((namespace, key, before)),
                Err(refused) => {
                    // The last one first: of two writes of one key the first one knows what stood there.
                    written
                        .into_iter()
                        .rev()
                        .for_each(|(namespace, key, before)| self.put_back(namespace, key, before));
                    return Err(refused);
                }
            }
        }
        Ok(())
    }

    fn put_back(&mut self, namespace: Namespace, key: String, before: Option<Record>) {
        let records = self.records.entry(namespace.clone()).or_default();
        match before {
            Some(record) => drop(records.insert(key, record)),
            None => drop(records.remove(&key)),
        }
        if records.is_empty() {
            self.records.remove(&namespace);
        }
    }

    fn live(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Option<&Record> {
        self.records.get(namespace)?.get(key).filter(|record| is_live(record, now))
    }

    /// Returns the records of a list in the order of their keys.
    fn listed<'a>(
        &'a self,
        namespace: &Namespace,
        prefix: &'a str,
        after: Option<&'a str>,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = &'a Record> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let records = self.records.get(namespace).into_iter();
        records
            .flat_map(move |records| records.range::<str, _>((start, Bound::Unbounded)))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, record)| record)
            .filter(move |record| is_live(record, now))
    }

    fn expect(&self, namespace: &Namespace, key: &str, expect: Expect, now: DateTime<Utc>) -> Result<()> {
        let found = self.live(namespace, key, now).map(|record| record.version);
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        };
        let what = if found.is_some() { "is at another version" } else { "is absent" };
        if holds { Ok(()) } else { Err(Error::new(ErrorCode::Conflict, format!("the record `{key}` {what}"))) }
    }
}
