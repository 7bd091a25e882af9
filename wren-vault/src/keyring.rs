//! The key-encryption keys of owners, each wrapped by the master key; one record per owner.
//!
//! Every writer of a credential, a rotation too, keeps one order: it reads the credential's record, then the keyring from
//! the store, then writes the credential at the version it read. A rotation makes its key current before it goes over the
//! credentials, and it writes every one of them. So whoever read the old key loses the race for the version and tries again
//! with the new one, and the old key goes only when nothing can be under it any more.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use wren_core::store::{Expect, PutOptions, Record, RecordStore};
use wren_core::{Error, OwnerId, Result};

use crate::error::is_conflict;
use crate::key::{self, Key};
use crate::master::{Masters, WrappedKey};
use crate::record::KeyId;
use crate::space::{self, TIMELESS};

const FORMAT: u8 = 1;
const PAGE: usize = 200;

/// An owner's record: key-encryption keys, the current one last.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ring {
    format: u8,
    keys: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    id: String,
    pub(crate) source: String,
    pub(crate) generation: String,
    /// In base64.
    wrapped: String,
    /// The rotation that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<String>,
}

fn decode(record: &Record) -> Result<Ring> {
    let ring: Ring = serde_json::from_slice(&record.value).map_err(unreadable)?;
    if ring.format == FORMAT { Ok(ring) } else { Err(unreadable("unknown format")) }
}

fn unreadable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    crate::error::locked("the record of an owner's key-encryption keys is not readable").with_source(cause)
}

/// What a key-encryption key is bound to.
fn context(owner: &OwnerId, id: &str) -> Vec<u8> {
    // Neither part has a line break in it.
    format!("wren vault\nkey-encryption key\n{FORMAT}\n{owner}\n{id}").into_bytes()
}

/// Finds, makes and drops key-encryption keys.
pub(crate) struct Keyring {
    records: Arc<dyn RecordStore>,
    pub(crate) masters: Masters,
    open: Mutex<HashMap<(OwnerId, KeyId), Arc<Key>>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("masters", &self.masters).finish_non_exhaustive()
    }
}

impl Keyring {
    pub(crate) fn new(records: Arc<dyn RecordStore>, masters: Masters) -> Self {
        Self { records, masters, open: Mutex::default() }
    }

    async fn read(&self, owner: &OwnerId) -> Result<Option<(Ring, u64)>> {
        let Some(record) = self.records.record(&space::keys(), owner.as_str(), TIMELESS).await? else {
            return Ok(None);
        };
        Ok(Some((decode(&record)?, record.version)))
    }

    /// Writes a ring; false when somebody else wrote first.
    async fn write(&self, owner: &OwnerId, keys: Vec<Entry>, expect: Expect) -> Result<bool> {
        let value = serde_json::to_vec(&Ring { format: FORMAT, keys }).map_err(unreadable)?;
        let options = PutOptions::at(TIMELESS).expecting(expect);
        match self.records.put_record(&space::keys(), owner.as_str(), Bytes::from(value), options).await {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a key for a rotation, or an owner's first.
    async fn entry(&self, owner: &OwnerId, rotation: Option<&str>) -> Result<Entry> {
        let id = KeyId(key::random()?);
        let wrapped = self.masters.current.wrap(&Key::generate()?, &context(owner, &id.to_string())).await?;
        Ok(Entry {
            id: id.to_string(),
            source: self.masters.current.source().to_owned(),
            generation: wrapped.generation,
            wrapped: STANDARD.encode(wrapped.bytes),
            rotation: rotation.map(str::to_owned),
        })
    }

    /// Returns the key to seal with, which it makes when there is none. MUST be called after the record to be written has
    /// been read.
    pub(crate) async fn current(&self, owner: &OwnerId) -> Result<(KeyId, Arc<Key>)> {
        let mut refused = None;
        loop {
            // Before the master key is asked there is a record: a rotation finds it, and writes it before it is written here.
            let Some((ring, version)) = self.read(owner).await? else {
                self.write(owner, Vec::new(), Expect::Absent).await?;
                continue;
            };
            if let Some(entry) = ring.keys.last() {
                match self.unwrapped(owner, entry).await? {
                    (id, Some(key)) => return Ok((id, key)),
                    (_, None) if refused == Some(version) => {
                        let message = format!("the current key-encryption key of {owner} does not open");
                        return Err(crate::error::locked(message)
                            .with_hint("restore the database and the master key from the same backup"));
                    }
                    // A rotation may have retired the master key after the ring was read; then the ring has changed.
                    (_, None) => refused = Some(version),
                }
                continue;
            }
            let first = self.entry(owner, None).await?;
            self.write(owner, vec![first], Expect::Version(version)).await?;
        }
    }

    /// Returns a key by its id; `None` when it is gone or does not open.
    pub(crate) async fn key(&self, owner: &OwnerId, id: KeyId) -> Result<Option<Arc<Key>>> {
        if let Some(key) = self.open.lock().get(&(owner.clone(), id)) {
            return Ok(Some(Arc::clone(key)));
        }
        let Some((ring, _)) = self.read(owner).await? else { return Ok(None) };
        match ring.keys.iter().find(|entry| entry.id == id.to_string()) {
            Some(entry) => Ok(self.unwrapped(owner, entry).await?.1),
            None => Ok(None),
        }
    }

    async fn unwrapped(&self, owner: &OwnerId, entry: &Entry) -> Result<(KeyId, Option<Arc<Key>>)> {
        let id = KeyId(key::unhex(&entry.id).ok_or_else(|| unreadable("no id"))?);
        if let Some(key) = self.open.lock().get(&(owner.clone(), id)) {
            return Ok((id, Some(Arc::clone(key))));
        }
        let bytes = STANDARD.decode(&entry.wrapped).map_err(unreadable)?;
        let wrapped = WrappedKey { generation: entry.generation.clone(), bytes };
        let key = self.masters.unwrap(&entry.source, &wrapped, &context(owner, &entry.id)).await?.map(Arc::new);
        if let Some(key) = &key {
            self.open.lock().insert((owner.clone(), id), Arc::clone(key));
        }
        Ok((id, key))
    }

    /// Makes the current key one of this rotation; returns the version of the ring that says so.
    pub(crate) async fn renew(&self, owner: &OwnerId, rotation: &str) -> Result<u64> {
        loop {
            let Some((mut ring, version)) = self.read(owner).await? else {
                self.write(owner, Vec::new(), Expect::Absent).await?;
                continue;
            };
            if ring.keys.last().is_some_and(|entry| entry.rotation.as_deref() == Some(rotation)) {
                return Ok(version);
            }
            ring.keys.push(self.entry(owner, Some(rotation)).await?);
            self.write(owner, ring.keys, Expect::Version(version)).await?;
        }
    }

    /// Drops all keys but the current one; false when the ring is no longer at that version, and then nothing was dropped.
    pub(crate) async fn keep_current(&self, owner: &OwnerId, version: u64) -> Result<bool> {
        let Some((mut ring, found)) = self.read(owner).await? else { return Ok(false) };
        if found != version {
            return Ok(false);
        }
        if ring.keys.len() > 1 {
            ring.keys.drain(..ring.keys.len() - 1);
            if !self.write(owner, ring.keys, Expect::Version(version)).await? {
                return Ok(false);
            }
        }
        // What is left is read again when it is needed.
        self.open.lock().retain(|(other, _), _| other != owner);
        Ok(true)
    }
}

/// Returns the owner after `after` who has keys.
pub(crate) async fn next_owner(records: &dyn RecordStore, after: Option<&str>) -> Result<Option<OwnerId>> {
    let found = records.record_keys(&space::keys(), "", after, 1, TIMELESS).await?;
    found.first().map(|record| OwnerId::new(&record.key).map_err(unreadable)).transpose()
}

/// Says whether any key-encryption key satisfies a condition.
pub(crate) async fn any_entry(records: &dyn RecordStore, holds: impl Fn(&Entry) -> bool + Send) -> Result<bool> {
    let mut after: Option<String> = None;
    loop {
        let page = records.records(&space::keys(), "", after.as_deref(), PAGE, TIMELESS).await?;
        for record in &page {
            if decode(record)?.keys.iter().any(&holds) {
                return Ok(true);
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
            _ => return Ok(false),
        }
    }
}

/// Says whether any key-encryption key was wrapped by a master key of that source.
pub(crate) async fn any_wrapped_by(records: &dyn RecordStore, source: &str) -> Result<bool> {
    any_entry(records, |entry| entry.source == source).await
}
