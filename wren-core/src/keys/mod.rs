//! API keys: who may call, kept as hashes.
//!
//! A key is `wren_` and 43 characters of base64url over 256 random bits. The store keeps its SHA-256, under which it is found,
//! and its first characters, by which people tell keys apart. A fast hash is right here: 256 random bits cannot be
//! guessed, so there is nothing for a slow hash to slow down.
//!
//! A key that is [rotated](ApiKeys::rotate) keeps its id, its scopes and its end; its secret is a new one, and the one before
//! is good for a while longer. Until then it opens what the new one does, but what it gives ends with it: a secret that has
//! leaked is not to become another that has no end. Whoever revokes the key revokes every secret of it.

mod rotation;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorCode, Result};
use crate::id::{KeyId, OwnerId};
use crate::store::{Expect, Namespace, PutOptions, RecordStore};

pub use rotation::{DEFAULT_GRACE, MAX_GRACE};

/// What every key begins with.
pub const KEY_PREFIX: &str = "wren_";
/// The scope that is all of them.
const ADMIN: &str = "admin";
/// By how much a store may round the end of a record.
const ROUNDED: TimeDelta = TimeDelta::seconds(1);
/// How many characters of a key are shown.
const SHOWN: usize = 12;

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Its first characters.
    pub prefix: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends to be valid.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it last got a new secret.
    #[serde(default)]
    pub rotated_at: Option<DateTime<Utc>>,
    /// When another secret took the place of the one that was [verified](ApiKeys::verify): such a key ends with that secret, and
    /// is not to be [rotated](ApiKeys::rotate) for whoever shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Says whether this key gives no more than another: no scope that the other has not, and no later end. `admin` is all
    /// scopes.
    #[must_use]
    pub fn is_within(&self, other: &ApiKey) -> bool {
        within(&self.scopes, self.expires_at, other)
    }
}

/// Says whether scopes and an end are within those of a key.
fn within(scopes: &[String], expires_at: Option<DateTime<Utc>>, key: &ApiKey) -> bool {
    let has = |scope: &String| key.scopes.iter().any(|have| have == scope || have == ADMIN);
    let ends = match (expires_at, key.expires_at) {
        (_, None) => true,
        (Some(end), Some(latest)) => end <= latest,
        (None, Some(_)) => false,
    };
    ends && scopes.iter().all(has)
}

/// A key to make.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewApiKey {
    /// Whose it will be.
    pub owner: OwnerId,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it ends to be valid.
    pub expires_at: Option<DateTime<Utc>>,
}

impl NewApiKey {
    /// Makes a request for a key that allows everything to its owner and has no end.
    #[must_use]
    pub fn new(owner: OwnerId) -> Self {
        Self { owner, scopes: vec![ADMIN.to_owned()], expires_at: None }
    }

    /// Sets when the key ends to be valid.
    #[must_use]
    pub fn with_expiry(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Sets what the key allows.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Vec<String>) -> Self {
        self.scopes = scopes;
        self
    }

    /// Says whether the key will give no more than another: see [`ApiKey::is_within`].
    #[must_use]
    pub fn is_within(&self, other: &ApiKey) -> bool {
        within(&self.scopes, self.expires_at, other)
    }
}

/// Makes, checks, lists and revokes API keys on any record store.
#[derive(Clone)]
pub struct ApiKeys {
    records: Arc<dyn RecordStore>,
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

impl ApiKeys {
    /// Keeps keys in a record store.
    #[must_use]
    pub fn new(records: Arc<dyn RecordStore>) -> Self {
        Self { records }
    }

    /// Makes a key. The secret is returned once and kept nowhere.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn create(&self, new: NewApiKey, now: DateTime<Utc>) -> Result<(ApiKey, SecretString)> {
        let token = token();
        let key = ApiKey {
            id: KeyId::new(),
            owner: new.owner,
            prefix: shown(&token),
            scopes: new.scopes,
            created_at: now,
            expires_at: new.expires_at,
            rotated_at: None,
            replaced_at: None,
        };
        let hash = hash(&token);
        let value = encode(&key)?;
        let options = PutOptions { expect: Expect::Absent, expires_at: key.expires_at, now };
        // The owner's list comes first: a key that works is always one that can be revoked.
        self.records
            .put_record(&listed(&key.owner), &key.id.to_string(), Bytes::from(hash.clone().into_bytes()), options)
            .await?;
        self.records.put_record(&by_hash(), &hash, value, options).await?;
        Ok((key, token.into()))
    }

    /// Returns whose key a token is. It ends when this very secret does, which is before the key's own end where another one has
    /// taken its place.
    ///
    /// # Errors
    /// `INVALID_API_KEY` when it is none, has ended or was revoked: which of these is not said.
    pub async fn verify(&self, token: &SecretString, now: DateTime<Utc>) -> Result<ApiKey> {
        let token = token.expose_secret();
        let invalid = || {
            Error::new(ErrorCode::InvalidApiKey, "the API key is not valid")
                .with_hint("send `Authorization: Bearer wren_…` with a key made by `wren keys create`")
        };
        if !token.starts_with(KEY_PREFIX) {
            return Err(invalid());
        }
        let hash = hash(token);
        let record = self.records.record(&by_hash(), &hash, now).await?.ok_or_else(invalid)?;
        // The store found it by its hash; comparing again in constant time keeps a store with fuzzy keys out of the matter.
        if !bool::from(record.key.as_bytes().ct_eq(hash.as_bytes())) {
            return Err(invalid());
        }
        let key = decode(&record.value)?;
        // Stores round instants: that alone must not have a key end before itself.
        let is_sooner = |end: &DateTime<Utc>| key.expires_at.is_none_or(|own| own - *end >= ROUNDED);
        let expires_at = record.expires_at.filter(is_sooner).or(key.expires_at);
        Ok(ApiKey { expires_at, ..key })
    }

    /// Lists an owner's keys, oldest first.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn list(&self, owner: &OwnerId, now: DateTime<Utc>) -> Result<Vec<ApiKey>> {
        let mut keys = Vec::new();
        for entry in self.records.records(&listed(owner), "", None, 1_000, now).await? {
            keys.extend(self.newest(&hashes(&entry.value), now).await?);
        }
        Ok(keys)
    }

    /// Returns a key of an owner.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such key.
    pub async fn key(&self, owner: &OwnerId, id: KeyId, now: DateTime<Utc>) -> Result<ApiKey> {
        let entry = self.records.record(&listed(owner), &id.to_string(), now).await?;
        let key = match entry {
            Some(entry) => self.newest(&hashes(&entry.value), now).await?,
            None => None,
        };
        key.ok_or_else(|| no_key(id))
    }

    /// Returns the key of the first of its hashes that is kept: a rotation that broke off may have left one that is not.
    async fn newest(&self, hashes: &[String], now: DateTime<Utc>) -> Result<Option<ApiKey>> {
        for hash in hashes {
            if let Some(record) = self.records.record(&by_hash(), hash, now).await? {
                return decode(&record.value).map(Some);
            }
        }
        Ok(None)
    }

    /// Says whether there is any key, of whatever owner: without one nobody can call.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn any(&self, now: DateTime<Utc>) -> Result<bool> {
        Ok(!self.records.records(&by_hash(), "", None, 1, now).await?.is_empty())
    }

    /// Revokes a key of an owner, with every secret that it has.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such key.
    pub async fn revoke(&self, owner: &OwnerId, id: KeyId, now: DateTime<Utc>) -> Result<()> {
        let namespace = listed(owner);
        let name = id.to_string();
        loop {
            let entry = self.records.record(&namespace, &name, now).await?.ok_or_else(|| no_key(id))?;
            let hashes = hashes(&entry.value);
            self.forget(&hashes, now).await?;
            match self.records.delete_record(&namespace, &name, Expect::Version(entry.version), now).await {
                // Once more: a rotation under way may have put its secret between the two, and not know yet.
                Ok(_) => return self.forget(&hashes, now).await,
                // It has another secret since.
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn forget(&self, hashes: &[String], now: DateTime<Utc>) -> Result<()> {
        for hash in hashes {
            self.records.delete_record(&by_hash(), hash, Expect::Any, now).await?;
        }
        Ok(())
    }
}

/// Makes a secret.
fn token() -> String {
    let bits: [u8; 32] = rand::random();
    format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bits))
}

/// Returns what is shown of a secret.
fn shown(token: &str) -> String {
    token.chars().take(SHOWN).collect()
}

fn no_key(id: KeyId) -> Error {
    Error::not_found(format!("key {id}"))
}

fn by_hash() -> Namespace {
    Namespace::system("api_keys")
}

fn listed(owner: &OwnerId) -> Namespace {
    Namespace::owned(owner, "api_keys")
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

/// Reads an entry of an owner's list: the hashes of a key's secrets, the newest first, one a line.
fn hashes(value: &Bytes) -> Vec<String> {
    String::from_utf8_lossy(value).lines().map(str::to_owned).collect()
}

fn encode(key: &ApiKey) -> Result<Bytes> {
    serde_json::to_vec(key).map(Bytes::from).map_err(|error| Error::internal("encoding a key", error))
}

fn decode(value: &Bytes) -> Result<ApiKey> {
    serde_json::from_slice(value).map_err(|error| Error::internal("a key's record is not readable", error))
}
