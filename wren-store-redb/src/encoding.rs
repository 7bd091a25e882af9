//! How values stand in the file: one byte that names the encoding, then the value.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wren_core::store::kit::unreadable;
use wren_core::{Error, Result};

/// JSON, as of schema version 1.
const JSON: u8 = 1;

/// Writes a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = vec![JSON];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|error| Error::internal("a value cannot be written as JSON", error))?;
    Ok(bytes)
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T> {
    match bytes.split_first() {
        Some((&JSON, json)) => serde_json::from_slice(json).map_err(|error| unreadable(what, error)),
        Some((other, _)) => Err(unreadable(what, format!("encoding {other} is not known to this binary"))),
        None => Err(unreadable(what, "it is empty")),
    }
}

/// Returns an instant as keys hold it.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// Reads an instant.
pub(crate) fn instant(micros: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| unreadable("instant", micros.to_string()))
}
