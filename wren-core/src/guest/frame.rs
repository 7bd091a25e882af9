//! What a guest says, typed.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::logs::Source;
use super::verdict::{broken, malformed};
use crate::error::{Error, WireError};
use crate::executor::{InspectedTrigger, Inspection};
use crate::host::HostRequest;

/// The longest frame that either side may send, in bytes of JSON.
pub const MAX_FRAME_BYTES: usize = 8 * 1024 * 1024;
/// The longest `log` frame. Its text has at most 64 KiB, which JSON escapes make longer.
const MAX_LOG_FRAME_BYTES: usize = 512 * 1024;
/// The version of the protocol that this speaks.
const PROTOCOL_VERSION: u64 = 1;

/// A frame of the guest.
#[derive(Debug)]
#[non_exhaustive]
pub enum Frame {
    /// It is there, and speaks this version of the protocol.
    Hello,
    /// It printed something.
    Log {
        /// The stream.
        source: Source,
        /// What it printed; lines may be unfinished.
        text: String,
    },
    /// It asks the platform.
    Call {
        /// The call's number, which the reply repeats.
        id: u64,
        /// What it asks.
        request: HostRequest,
    },
    /// The run's end: a value, or an error as the guest has it.
    Result(Result<Value, Value>),
    /// What an import showed, and the import's error as the guest has it.
    Inspection(Box<Inspection>, Option<Value>),
}

/// The fields of all kinds, since a kind is not known before it is read.
#[derive(Debug, Deserialize)]
struct Fields {
    t: String,
    #[serde(default)]
    v: Option<u64>,
    #[serde(default)]
    s: Option<String>,
    #[serde(default)]
    d: Option<String>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    op: Option<String>,
    #[serde(default)]
    args: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "present")]
    ok: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    python: Option<String>,
    #[serde(default)]
    triggers: Vec<InspectedTrigger>,
    #[serde(default)]
    integrations: Vec<String>,
}

/// Tells an `ok` of null from a missing one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Says that a frame is a `log` as the SDK writes it, without parsing it.
#[must_use]
pub fn says_log(frame: &[u8]) -> bool {
    frame.starts_with(br#"{"t":"log","#) || frame.starts_with(br#"{"t": "log","#)
}

impl Frame {
    /// Reads one frame's JSON.
    ///
    /// # Errors
    /// What the run ends with: the guest broke the protocol, or nested a value deeper than JSON is read.
    pub fn parse(frame: &[u8]) -> Result<Self, Error> {
        let fields: Fields = serde_json::from_slice(frame).map_err(|error| malformed(&error))?;
        match fields.t.as_str() {
            "hello" if fields.v == Some(PROTOCOL_VERSION) => Ok(Self::Hello),
            "hello" => Err(broken("a greeting of another version")),
            "log" if frame.len() > MAX_LOG_FRAME_BYTES => {
                Err(broken(&format!("a `log` of {} bytes, more than {MAX_LOG_FRAME_BYTES}", frame.len())))
            }
            "log" => {
                let source = match fields.s.as_deref() {
                    Some("stderr") => Source::FramedStderr,
                    _ => Source::FramedStdout,
                };
                Ok(Self::Log { source, text: fields.d.unwrap_or_default() })
            }
            "call" => {
                let (Some(id), Some(op)) = (fields.id, fields.op) else {
                    return Err(broken("a call without an id or an operation"));
                };
                Ok(Self::Call { id, request: HostRequest { op, args: fields.args.unwrap_or_default() } })
            }
            "result" => match (fields.ok, fields.error) {
                (_, Some(error)) => Ok(Self::Result(Err(error))),
                (Some(ok), None) => Ok(Self::Result(Ok(ok))),
                (None, None) => Err(broken("a result with neither a value nor an error")),
            },
            "inspection" => {
                let Fields { triggers, integrations, python, error, .. } = fields;
                let inspection = Inspection { triggers, integrations, error: None, python };
                Ok(Self::Inspection(Box::new(inspection), error))
            }
            other => {
                let kind: String = other.chars().take(32).collect();
                Err(broken(&format!("a frame of the unknown kind `{kind}`")))
            }
        }
    }
}

/// Returns the `reply` that answers a call with a value.
#[must_use]
pub fn reply_ok(id: u64, value: Value) -> Value {
    json!({"t": "reply", "id": id, "ok": value})
}

/// Returns the `reply` that answers a call with an error.
#[must_use]
pub fn reply_error(id: u64, error: &Error) -> Value {
    json!({"t": "reply", "id": id, "error": serde_json::to_value(WireError::from(error)).unwrap_or(Value::Null)})
}
