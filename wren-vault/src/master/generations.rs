//! The generations of a master key that this process holds itself: a record of the platform, with how to recognise each key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use wren_core::store::{Expect, PutOptions, RecordStore};
use wren_core::{Error, Result};

use super::passphrase::Derivation;
use crate::key::{self, Key};
use crate::space::{self, TIMELESS};

/// One generation of a master key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Generation {
    /// Its id.
    pub(crate) id: String,
    /// By which the right key is recognised: an HMAC under it, in base64. It says nothing else about the key.
    check: String,
    /// How a passphrase becomes the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) derivation: Option<Derivation>,
    /// The rotation that it was made for; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rotation: Option<String>,
}

impl Generation {
    /// Describes a key.
    pub(crate) fn of(key: &Key, derivation: Option<Derivation>, rotation: Option<&str>) -> Self {
        Self {
            id: Self::id_of(key),
            check: STANDARD.encode(key.mac("wren vault master check", &[])),
            derivation,
            rotation: rotation.map(str::to_owned),
        }
    }

    /// Returns the id of a key's generation.
    pub(crate) fn id_of(key: &Key) -> String {
        key::hex(&key.mac("wren vault master id", &[])[..8])
    }

    /// Says whether this is the key of the generation.
    pub(crate) fn is_of(&self, key: &Key) -> bool {
        let check = key.mac("wren vault master check", &[]);
        STANDARD.decode(&self.check).is_ok_and(|stored| check.ct_eq(stored.as_slice()).into())
    }
}

/// The record: generations, the newest last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Generations {
    pub(crate) format: u8,
    pub(crate) list: Vec<Generation>,
}

/// Reads and writes the record of one source.
#[derive(Debug, Clone)]
pub(crate) struct GenerationRecord {
    records: Arc<dyn RecordStore>,
    key: String,
}

impl GenerationRecord {
    pub(crate) fn new(records: Arc<dyn RecordStore>, source: &str) -> Self {
        Self { records, key: format!("master/{source}") }
    }

    pub(crate) fn records(&self) -> &dyn RecordStore {
        &*self.records
    }

    /// Returns the record and its version; a list is never empty.
    pub(crate) async fn read(&self) -> Result<Option<(Generations, u64)>> {
        let Some(record) = self.records.record(&space::vault(), &self.key, TIMELESS).await? else { return Ok(None) };
        let generations: Generations = serde_json::from_slice(&record.value)
            .map_err(|error| Error::internal("the record of the master key's generations is not readable", error))?;
        if generations.format != 1 || generations.list.is_empty() {
            return Err(Error::internal(
                "the record of the master key's generations is not readable",
                "unknown format",
            ));
        }
        Ok(Some((generations, record.version)))
    }

    /// Writes the record.
    pub(crate) async fn write(&self, list: Vec<Generation>, expect: Expect) -> Result<()> {
        let value = serde_json::to_vec(&Generations { format: 1, list })
            .map_err(|error| Error::internal("encoding the master key's generations", error))?;
        let options = PutOptions::at(TIMELESS).expecting(expect);
        self.records.put_record(&space::vault(), &self.key, Bytes::from(value), options).await.map(drop)
    }
}
