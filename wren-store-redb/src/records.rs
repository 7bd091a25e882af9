//! Small records by key.

use std::ops::Bound;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use redb::{ReadTransaction, ReadableTable as _, WriteTransaction};
use wren_core::Result;
use wren_core::store::kit::RecordList;
use wren_core::store::{Expect, Namespace, PutOptions, Record, RecordKey};

use crate::encoding::{instant, micros};
use crate::error::OrStoreError;
use crate::layout::{EXPIRIES, LAST_VERSION, META, RECORDS};
use crate::rows::Opens;

/// Returns a namespace as keys hold it; no owner has an empty name.
pub(crate) fn place(namespace: &Namespace) -> (&str, &str) {
    (namespace.owner().map_or("", |owner| owner.as_str()), namespace.name())
}

pub(crate) fn is_live(expires_at: Option<i64>, now: DateTime<Utc>) -> bool {
    expires_at.is_none_or(|end| end > micros(now))
}

/// Reads a record that has not expired.
pub(crate) fn read(
    transaction: &ReadTransaction,
    namespace: &Namespace,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<Record>> {
    let (owner, space) = place(namespace);
    let Some(found) = transaction.table(RECORDS)?.get((owner, space, key)).or_store_error()? else { return Ok(None) };
    let (version, expires_at, value) = found.value();
    if !is_live(expires_at, now) {
        return Ok(None);
    }
    record(key, version, expires_at, value).map(Some)
}

fn record(key: &str, version: u64, expires_at: Option<i64>, value: &[u8]) -> Result<Record> {
    let expires_at = expires_at.map(instant).transpose()?;
    Ok(Record { key: key.to_owned(), value: Bytes::copy_from_slice(value), version, expires_at })
}

/// Which records to list.
pub(crate) struct List {
    namespace: Namespace,
    prefix: String,
    after: Option<String>,
    limit: usize,
    now: DateTime<Utc>,
}

impl List {
    /// Takes over what was asked for, to be read on another thread.
    pub(crate) fn of(list: RecordList<'_>) -> Self {
        Self {
            namespace: list.namespace.clone(),
            prefix: list.prefix.to_owned(),
            after: list.after.map(str::to_owned),
            limit: list.limit,
            now: list.now,
        }
    }

    /// Reads records.
    pub(crate) fn records(&self, transaction: &ReadTransaction) -> Result<Vec<Record>> {
        self.each(transaction, record)
    }

    /// Reads keys and the sizes of values.
    pub(crate) fn keys(&self, transaction: &ReadTransaction) -> Result<Vec<RecordKey>> {
        self.each(transaction, |key, _, _, value| Ok(RecordKey { key: key.to_owned(), bytes: value.len() as u64 }))
    }

    fn each<T>(
        &self,
        transaction: &ReadTransaction,
        make: impl Fn(&str, u64, Option<i64>, &[u8]) -> Result<T>,
    ) -> Result<Vec<T>> {
        let (owner, space) = place(&self.namespace);
        let start = match &self.after {
            Some(after) if *after >= self.prefix => Bound::Excluded((owner, space, after.as_str())),
            _ => Bound::Included((owner, space, self.prefix.as_str())),
        };
        let table = transaction.table(RECORDS)?;
        let mut found = Vec::new();
        for entry in table.range::<(&str, &str, &str)>((start, Bound::Unbounded)).or_store_error()? {
            if found.len() >= self.limit {
                break;
            }
            let (place, value) = entry.or_store_error()?;
            let (of, within, key) = place.value();
            if (of, within) != (owner, space) || !key.starts_with(&self.prefix) {
                break;
            }
            let (version, expires_at, value) = value.value();
            if is_live(expires_at, self.now) {
                found.push(make(key, version, expires_at, value)?);
            }
        }
        Ok(found)
    }
}

/// Writes a record if the expectation holds.
pub(crate) fn put(
    transaction: &WriteTransaction,
    namespace: &Namespace,
    key: &str,
    value: &Bytes,
    options: PutOptions,
) -> Result<Option<u64>> {
    let (owner, space) = place(namespace);
    let mut records = transaction.table(RECORDS)?;
    let old = records.get((owner, space, key)).or_store_error()?.map(|found| (found.value().0, found.value().1));
    let live = old.filter(|(_, expires_at)| is_live(*expires_at, options.now)).map(|(version, _)| version);
    let holds = match options.expect {
        Expect::Any => true,
        Expect::Absent => live.is_none(),
        Expect::Version(version) => live == Some(version),
    };
    if !holds {
        return Ok(None);
    }
    let mut meta = transaction.table(META)?;
    let version = meta.get(LAST_VERSION).or_store_error()?.map_or(0, |last| last.value()) + 1;
    meta.insert(LAST_VERSION, version).or_store_error()?;
    let expires_at = options.expires_at.map(micros);
    records.insert((owner, space, key), (version, expires_at, &value[..])).or_store_error()?;
    let mut expiries = transaction.table(EXPIRIES)?;
    if let Some(end) = old.and_then(|(_, end)| end) {
        expiries.remove((end, owner, space, key)).or_store_error()?;
    }
    if let Some(end) = expires_at {
        expiries.insert((end, owner, space, key), ()).or_store_error()?;
    }
    Ok(Some(version))
}

/// Deletes a record that has not expired, at that version if one is given.
pub(crate) fn delete(
    transaction: &WriteTransaction,
    namespace: &Namespace,
    key: &str,
    version: Option<u64>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let (owner, space) = place(namespace);
    let mut records = transaction.table(RECORDS)?;
    let Some((found, expires_at)) =
        records.get((owner, space, key)).or_store_error()?.map(|found| (found.value().0, found.value().1))
    else {
        return Ok(false);
    };
    if !is_live(expires_at, now) || version.is_some_and(|version| version != found) {
        return Ok(false);
    }
    records.remove((owner, space, key)).or_store_error()?;
    if let Some(end) = expires_at {
        transaction.table(EXPIRIES)?.remove((end, owner, space, key)).or_store_error()?;
    }
    Ok(true)
}

/// Deletes every record of a namespace.
pub(crate) fn clear(transaction: &WriteTransaction, namespace: &Namespace) -> Result<()> {
    let (owner, space) = place(namespace);
    let mut records = transaction.table(RECORDS)?;
    let mut all: Vec<(String, Option<i64>)> = Vec::new();
    for entry in records.range((owner, space, "")..).or_store_error()? {
        let (place, value) = entry.or_store_error()?;
        let (of, within, key) = place.value();
        if (of, within) != (owner, space) {
            break;
        }
        all.push((key.to_owned(), value.value().1));
    }
    let mut expiries = transaction.table(EXPIRIES)?;
    for (key, expires_at) in &all {
        records.remove((owner, space, key.as_str())).or_store_error()?;
        if let Some(end) = expires_at {
            expiries.remove((*end, owner, space, key.as_str())).or_store_error()?;
        }
    }
    Ok(())
}

/// Deletes expired records.
pub(crate) fn purge(transaction: &WriteTransaction, now: DateTime<Utc>, limit: usize) -> Result<usize> {
    let mut expiries = transaction.table(EXPIRIES)?;
    let mut ended: Vec<(i64, String, String, String)> = Vec::new();
    for entry in expiries.range(..(micros(now).saturating_add(1), "", "", "")).or_store_error()?.take(limit) {
        let (place, _) = entry.or_store_error()?;
        let (end, owner, space, key) = place.value();
        ended.push((end, owner.to_owned(), space.to_owned(), key.to_owned()));
    }
    let mut records = transaction.table(RECORDS)?;
    for (end, owner, space, key) in &ended {
        expiries.remove((*end, owner.as_str(), space.as_str(), key.as_str())).or_store_error()?;
        records.remove((owner.as_str(), space.as_str(), key.as_str())).or_store_error()?;
    }
    Ok(ended.len())
}
