//! `wren.state`: a JSON mapping kept per deployment.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{HostRequest, RunContext};
use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};
use crate::store::{Expect, Namespace, PutOptions, RecordStore};

/// The longest key, in bytes.
const MAX_KEY: usize = 512;
/// The largest value as JSON, in bytes.
const MAX_VALUE: usize = 256 * 1024;
/// The most keys of one deployment.
const MAX_KEYS: usize = 1000;

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
    /// `INVALID_REQUEST` for an unknown operation, a missing, empty or too long key, or a value over 256 KiB.
    pub async fn call(&self, context: &RunContext, request: &HostRequest) -> Result<Value> {
        let namespace = Namespace::owned(&context.owner, format!("state/{}", context.deployment_id));
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
                    return Err(Error::new(ErrorCode::InvalidRequest, message));
                }
                self.make_room(&namespace, key).await?;
                self.records.put_record(&namespace, key, Bytes::from(value), PutOptions::at(now)).await?;
                Ok(Value::Null)
            }
            "state.delete" => {
                let found = self.records.delete_record(&namespace, key(request)?, Expect::Any, now).await?;
                Ok(json!({"found": found}))
            }
            "state.list" => {
                let records = self.records.records(&namespace, "", None, MAX_KEYS, now).await?;
                let keys: Vec<String> = records.into_iter().map(|record| record.key).collect();
                Ok(json!({"keys": keys}))
            }
            op => Err(unknown(op)),
        }
    }

    /// Refuses a new key when the deployment has as many as it may.
    async fn make_room(&self, namespace: &Namespace, key: &str) -> Result<()> {
        let now = self.clock.now();
        if self.records.record(namespace, key, now).await?.is_some() {
            return Ok(());
        }
        if self.records.records(namespace, "", None, MAX_KEYS, now).await?.len() >= MAX_KEYS {
            return Err(Error::new(ErrorCode::InvalidRequest, format!("state has {MAX_KEYS} keys, the most it takes"))
                .with_hint("delete keys that are no longer needed, or keep many values under one key"));
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
