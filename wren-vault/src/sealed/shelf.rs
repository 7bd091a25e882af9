//! Credentials as sealed records of a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wren_core::store::{Expect, PutOptions, Record, RecordStore};
use wren_core::{Error, ErrorCode, OwnerId, Result};
use zeroize::Zeroizing;

use crate::error::{damaged, is_conflict};
use crate::frame::{ABOUT, Frame};
use crate::keyring::Keyring;
use crate::record::{self, Place};
use crate::shelf::{About, Credential, Kept, Shelf, Wanted};
use crate::space::{self, TIMELESS};

/// How many keys of a list are read at once.
pub(super) const PAGE: usize = 200;

#[derive(Debug)]
pub(crate) struct SealedShelf {
    pub(crate) records: Arc<dyn RecordStore>,
    pub(crate) keyring: Keyring,
}

impl SealedShelf {
    pub(super) async fn record(&self, owner: &OwnerId, integration: &str) -> Result<Option<Record>> {
        self.records.record(&space::credentials(), &space::credential(owner, integration), TIMELESS).await
    }

    /// Writes a frame; false when somebody else wrote first.
    pub(super) async fn write(
        &self,
        owner: &OwnerId,
        integration: &str,
        frame: &Frame,
        expect: Expect,
    ) -> Result<bool> {
        let (key, options) = (space::credential(owner, integration), PutOptions::at(TIMELESS).expecting(expect));
        match self.records.put_record(&space::credentials(), &key, Bytes::from(frame.encode()), options).await {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the names of an owner's integrations after `after`, a page of them.
    pub(super) async fn integrations(&self, owner: &OwnerId, after: Option<&str>) -> Result<Vec<String>> {
        let prefix = space::credentials_of(owner);
        let after = after.map(|integration| space::credential(owner, integration));
        let page = self.records.record_keys(&space::credentials(), &prefix, after.as_deref(), PAGE, TIMELESS).await?;
        Ok(page.into_iter().map(|record| record.key[prefix.len()..].to_owned()).collect())
    }

    async fn open(
        &self,
        owner: &OwnerId,
        integration: &str,
        record: &Record,
        wanted: Wanted<'_>,
    ) -> Result<Option<Kept>> {
        let frame = Frame::decode(&record.value).ok_or_else(|| damaged(owner, integration))?;
        if frame.is_empty() {
            return Ok(None);
        }
        let about = self.field(owner, integration, &frame, ABOUT).await?;
        let about: About = serde_json::from_slice(&about).map_err(|_| damaged(owner, integration))?;
        // A field that was cut out, or put in from elsewhere, is noticed whichever one is asked for.
        let named = frame.fields.iter().map(|(name, _)| name).filter(|name| *name != ABOUT);
        if !named.eq(about.fields.iter()) {
            return Err(damaged(owner, integration));
        }
        let mut secrets = BTreeMap::new();
        for name in about.fields.iter().filter(|name| wanted.includes(name)) {
            let secret = self.field(owner, integration, &frame, name).await?;
            let text = std::str::from_utf8(&secret).map_err(|_| damaged(owner, integration))?;
            secrets.insert(name.clone(), text.into());
        }
        let credential = Credential { about, secrets };
        let kept =
            Kept { integration: integration.to_owned(), version: frame.version, position: record.version, credential };
        Ok(Some(kept))
    }

    async fn field(
        &self,
        owner: &OwnerId,
        integration: &str,
        frame: &Frame,
        field: &str,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let damaged = || damaged(owner, integration);
        let sealed = frame.field(field).ok_or_else(damaged)?;
        let wrapping = record::wrapping_of(sealed).ok_or_else(damaged)?;
        let wrapping = self.keyring.key(owner, wrapping).await?.ok_or_else(damaged)?;
        let place = Place { owner, integration, field, version: frame.version };
        record::open(&wrapping, place, sealed).ok_or_else(damaged)
    }

    /// Seals a credential. MUST be called after the record that it will replace has been read.
    async fn seal(&self, owner: &OwnerId, integration: &str, version: u64, credential: &Credential) -> Result<Frame> {
        use secrecy::ExposeSecret as _;

        let (id, wrapping) = self.keyring.current(owner).await?;
        let of_about = Place { owner, integration, field: ABOUT, version };
        let about = serde_json::to_vec(&credential.about)
            .map_err(|error| Error::internal("encoding what may be shown of a credential", error))?;
        let mut frame = Frame::empty(version);
        frame.fields.push((ABOUT.to_owned(), record::seal((id, &wrapping), of_about, &about)?));
        for (name, secret) in &credential.secrets {
            let place = Place { field: name, ..of_about };
            let sealed = record::seal((id, &wrapping), place, secret.expose_secret().as_bytes())?;
            frame.fields.push((name.clone(), sealed));
        }
        Ok(frame)
    }
}

fn written_meanwhile() -> Error {
    Error::new(ErrorCode::Conflict, "the credential was written meanwhile")
}

#[async_trait]
impl Shelf for SealedShelf {
    async fn load(&self, owner: &OwnerId, integration: &str, wanted: Wanted<'_>) -> Result<Option<Kept>> {
        let mut refused = None;
        loop {
            let Some(record) = self.record(owner, integration).await? else { return Ok(None) };
            match self.open(owner, integration, &record, wanted).await {
                // A rotation may have dropped its key after the record was read; then the record has changed.
                Err(error) if error.code() == ErrorCode::CredentialDamaged && refused != Some(record.version) => {
                    refused = Some(record.version);
                }
                done => return done,
            }
        }
    }

    async fn list(&self, owner: &OwnerId) -> Result<Vec<Kept>> {
        let (mut list, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.integrations(owner, after.as_deref()).await?;
            for integration in &page {
                list.extend(self.load(owner, integration, Wanted::Nothing).await?);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(list),
            }
        }
    }

    async fn save(
        &self,
        owner: &OwnerId,
        integration: &str,
        credential: &Credential,
        over: Option<u64>,
    ) -> Result<u64> {
        loop {
            let Some(found) = self.record(owner, integration).await? else {
                if over.is_some() {
                    return Err(written_meanwhile());
                }
                // A first credential, too, is written over a record that a rotation can find and write before.
                self.write(owner, integration, &Frame::empty(0), Expect::Absent).await?;
                continue;
            };
            if over.is_some_and(|position| position != found.version) {
                return Err(written_meanwhile());
            }
            // What was there need not open: whoever has lost a key can set the credential again.
            let version = Frame::decode(&found.value).and_then(|frame| frame.version.checked_add(1));
            let version = version.ok_or_else(|| damaged(owner, integration))?;
            let frame = self.seal(owner, integration, version, credential).await?;
            if self.write(owner, integration, &frame, Expect::Version(found.version)).await? {
                return Ok(version);
            }
        }
    }

    async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool> {
        loop {
            let Some(found) = self.record(owner, integration).await? else { return Ok(false) };
            let frame = Frame::decode(&found.value).ok_or_else(|| damaged(owner, integration))?;
            if frame.is_empty() {
                return Ok(false);
            }
            let empty = Frame::empty(frame.version);
            if self.write(owner, integration, &empty, Expect::Version(found.version)).await? {
                return Ok(true);
            }
        }
    }
}
