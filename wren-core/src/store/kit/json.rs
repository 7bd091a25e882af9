//! Values that a store keeps as JSON.

use crate::error::{Error, Result};

/// Writes what a store keeps as JSON.
///
/// # Errors
/// `INTERNAL` when the value has no JSON.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("a value cannot be written as JSON", error))
}

/// Reads what a store keeps as JSON.
///
/// # Errors
/// `INTERNAL`, with what it is about, when the text is not what this binary writes.
pub fn parsed<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(what, error))
}

/// Says that a stored value is not what this binary writes there.
pub fn unreadable(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal(format!("the stored {what} cannot be read"), source)
}
