//! `wren.state`: a JSON mapping kept per deployment.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{HostRequest, RunContext};
use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};
use crate::store::{Expect, Namespace, PutOptions, RecordStore, state_namespace};

/// The longest key, in bytes.
const MAX_KEY: usize = 512;
/// The largest value as JSON, in bytes.
const MAX_VALUE: usize = 256 * 1024;
/// The most keys of one deployment.
const MAX_KEYS: usize = 1000;
/// The most that the values of one deployment may take together as JSON, in bytes.
const MAX_TOTAL: u64 = 16 * 1024 * 1024;

/// Answers `state.*` from a record store.
#[derive(Debug, Clone)]
pub struct ScriptState {
    records: Arc<dyn RecordStore>,
    clock: Arc<dyn Clock>,
}

impl ScriptState {
    /// Keeps state in a record store.
    #[must_use]
    pub fn new(records: Arc<dyn RecordStore>, clock: Arc<dyn Clock>) -> Self {
        Self { records, clock }
    }

    /// Answers one request whose `op` begins with `state.`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an unknown operation, a missing, empty or too long key, a value over 256 KiB, a key beyond the
    /// 1000 that a deployment may have, or a value that takes its values over 16 MiB together.
    pub async fn call(&self, context: &RunContext, request: &HostRequest) -> Result<Value> {
        let namespace = state_namespace(&context.owner, context.deployment_id);
        let now = self.clock.now();
        match request.op.as_str() {
            "state.get" => {
                let record = self.records.record(&namespace, key(request)?, now).await?;
                match record {
                    Some(record) => {
                        let value: Value = serde_json::from_slice(&record.value)
                            .map_err(|error| Error::internal("a state record is not JSON", error))?;
                        Ok(json!({"found": true, "value": value}))
                    }
                    None => Ok(json!({"found": false, "value": null})),
                }
            }
            "state.set" => {
                let key = key(request)?;
                let value = request.args.get("value").unwrap_or(&Value::Null).to_string();
                if value.len() > MAX_VALUE {
                    let message =
                        format!("the value of `{key}` has {} bytes as JSON, state takes {MAX_VALUE}", value.len());
                    return Err(Error::new(ErrorCode::InvalidRequest, message)
                        .with_hint("split it over several keys, or keep a reference to what is stored elsewhere"));
                }
                self.check_room(&namespace, key, value.len() as u64, now).await?;
                self.records.put_record(&namespace, key, Bytes::from(value), PutOptions::at(now)).await?;
                Ok(Value::Null)
            }
            "state.delete" => {
                let found = self.records.delete_record(&namespace, key(request)?, Expect::Any, now).await?;
                Ok(json!({"found": found}))
            }
            "state.list" => {
                let records = self.records.record_keys(&namespace, "", None, usize::MAX, now).await?;
                let keys: Vec<String> = records.into_iter().map(|record| record.key).collect();
                Ok(json!({"keys": keys}))
            }
            op => Err(unknown(op)),
        }
    }

    /// Refuses a value for which the deployment has no room. The look and the write are two transactions: runs of one
    /// deployment that write at the same moment may pass a cap by a value each, which is not worth a lock.
    async fn check_room(&self, namespace: &Namespace, key: &str, bytes: u64, now: DateTime<Utc>) -> Result<()> {
        let records = self.records.record_keys(namespace, "", None, usize::MAX, now).await?;
        let total: u64 = records.iter().map(|record| record.bytes).sum();
        let replaced = records.iter().find(|record| record.key == key).map(|record| record.bytes);
        if replaced.is_none() && records.len() >= MAX_KEYS {
            let message = format!("state has {} keys, it takes {MAX_KEYS}", records.len());
            return Err(Error::new(ErrorCode::InvalidRequest, message)
                .with_hint("delete keys that are no longer needed, or keep many values under one key"));
        }
        let replaced = replaced.unwrap_or(0);
        // A value that shrinks is always taken: it is the way out.
        if bytes > replaced && total - replaced + bytes > MAX_TOTAL {
            let message = format!(
                "state has {total} bytes as JSON and takes {MAX_TOTAL}, no room for a value of `{key}` with {bytes}"
            );
            return Err(Error::new(ErrorCode::InvalidRequest, message)
                .with_hint("delete keys that are no longer needed, or keep large data elsewhere"));
        }
        Ok(())
    }
}

fn key(request: &HostRequest) -> Result<&str> {
    match request.args.get("key").and_then(Value::as_str) {
        Some(key) if (1..=MAX_KEY).contains(&key.len()) => Ok(key),
        Some(_) => Err(Error::new(ErrorCode::InvalidRequest, format!("a state key has 1 to {MAX_KEY} bytes"))),
        None => Err(Error::new(ErrorCode::InvalidRequest, format!("`{}` needs a string `key`", request.op))),
    }
}

/// Makes the answer to an operation nobody knows.
pub(super) fn unknown(op: &str) -> Error {
    let op: String = op.chars().take(64).collect();
    Error::new(ErrorCode::InvalidRequest, format!("unknown host operation `{op}`"))
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
