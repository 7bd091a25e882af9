//! The schemas of the bodies that are types of `wren-core`, which shows no types of others, and so has no schemas.
//!
//! Nothing makes values of them. The tests hold every answer and every request that they see against them, to the last key.

#![allow(dead_code, reason = "what is read of these types is their derived schema alone")]

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::words;

/// Every error: the body of an answer above 399.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    error: Error,
}

/// An error. Of an `InternalError` the code and the correlation id leave the server, and the log has the rest.
#[derive(Serialize, ToSchema)]
pub(crate) struct Error {
    /// Who must act.
    #[serde(rename = "type")]
    #[schema(value_type = words::ErrorClass)]
    class: String,
    /// The stable code.
    #[schema(value_type = words::ErrorCode)]
    code: String,
    /// What went wrong.
    message: String,
    /// What to do about it; absent when there is no more to say.
    #[schema(nullable = false)]
    hint: Option<String>,
    /// Where in the script, or in the text that was sent; absent when it is about no place.
    #[schema(nullable = false)]
    location: Option<Location>,
    /// The Python traceback, trimmed to the script's own frames; absent when nothing was raised.
    #[schema(nullable = false)]
    traceback: Option<String>,
    /// The page on which the user can act; absent when there is none.
    #[schema(nullable = false, format = "uri")]
    action_url: Option<String>,
    /// The page that explains it; absent when there is none.
    #[schema(nullable = false, format = "uri")]
    docs_url: Option<String>,
    /// Machine-readable details; absent when there are none.
    #[schema(nullable = false)]
    details: Option<ErrorDetails>,
    /// True when the same request may succeed later; absent otherwise.
    #[schema(nullable = false)]
    retryable: Option<bool>,
    /// That of the answer's `X-Correlation-ID`; absent from the errors of runs, which have one of their own.
    #[schema(value_type = Option<words::CorrelationId>, nullable = false)]
    correlation_id: Option<String>,
}

/// Details of an error. What else there is depends on the code.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorDetails {
    /// Every fault that was found, where there can be several; the error itself is the first.
    #[schema(nullable = false, no_recursion)]
    diagnostics: Option<Vec<Error>>,
    #[serde(flatten)]
    others: HashMap<String, Value>,
}

/// A place in a text. Lines and columns count from 1, columns in characters.
#[derive(Serialize, ToSchema)]
pub(crate) struct Location {
    /// The line.
    #[schema(minimum = 1)]
    line: u32,
    /// The column; absent where it is not known.
    #[schema(nullable = false, minimum = 1)]
    column: Option<u32>,
    /// The column after the last character; absent where it is not known, or on another line.
    #[schema(nullable = false, minimum = 1)]
    end_column: Option<u32>,
    /// The line's text; absent where it is not known.
    #[schema(nullable = false)]
    snippet: Option<String>,
}

/// A script to deploy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeployRequest {
    /// The Python source.
    script: String,
    /// What the sender believes the script declares; checked against the script, never trusted.
    metadata: Option<DeployMetadata>,
    /// The deployment's name, 1 to 128 letters, digits or `._-`; the first trigger's function without one.
    name: Option<String>,
}

/// What the sender believes the script declares. A key that is absent is not checked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeployMetadata {
    /// The integrations.
    integrations: Option<Vec<String>>,
    /// The triggers.
    triggers: Option<Vec<MetadataTrigger>>,
    /// The schedules, in the older form; one that repeats an entry of `triggers` is the same trigger.
    schedules: Option<Vec<MetadataSchedule>>,
}

/// A trigger in metadata.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetadataTrigger {
    /// The type: `schedule`, `email`…
    #[serde(rename = "type")]
    kind: String,
    /// The function.
    func: String,
    /// The config.
    #[schema(required = false)]
    config: HashMap<String, Value>,
}

/// A schedule in metadata's older form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetadataSchedule {
    /// The cron expression.
    cron: String,
    /// The function.
    func_name: String,
    /// The IANA zone.
    timezone: Option<String>,
}

/// The isolation that an attempt had.
#[derive(Serialize, ToSchema)]
pub(crate) struct Isolation {
    /// The executor's name.
    executor: String,
    /// The tier, in the executor's words: `wasm`, `bubblewrap`, `reduced`…
    tier: String,
}

/// A line of a run.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogEntry {
    /// Its number within the run, from 1, growing over all attempts.
    #[schema(minimum = 1)]
    seq: u64,
    /// When the executor received it.
    at: DateTime<Utc>,
    /// The attempt that printed it, from 1.
    #[schema(minimum = 1)]
    attempt: u32,
    /// Where it came from.
    #[schema(value_type = words::LogStream)]
    stream: String,
    /// The text without its line break.
    text: String,
}

/// What a cron expression means.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The expression, its white space normalised.
    expression: String,
    /// The zone whose clocks count.
    timezone: String,
    /// The expression in English, in lower case and without a full stop.
    description: String,
    /// Due times to come, earliest first.
    #[schema(max_items = 1000)]
    fires: Vec<ExplainedFire>,
}

/// A due time.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainedFire {
    /// The instant.
    utc: DateTime<Utc>,
    /// What the zone's clocks show then, and their offset from UTC.
    local: DateTime<FixedOffset>,
    /// What a change of the clock has to do with it; null where it has nothing.
    #[schema(required = true)]
    note: Option<String>,
}
