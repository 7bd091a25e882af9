//! The job that a guest gets, and what of it depends on the script's settings.

use serde_json::{Map, Value, json};

use super::frame::MAX_FRAME_BYTES;
use crate::error::{Error, ErrorCode, Result};
use crate::executor::{Invocation, Limits, Script};
use crate::host::{HostRequest, RunHost};
use crate::model::ScriptSettings;

/// Returns the `job` that runs a function. `argv_path` holds folders, as the guest sees them, for the script's `sys.path`;
/// `variables` are for its `os.environ`. They travel here and not in the environment of a process, which others can read in
/// `/proc`.
#[must_use]
pub fn run_job(invocation: &Invocation, argv_path: &[String], variables: Vec<(String, String)>) -> Value {
    let mut job = json!({
        "t": "job",
        "v": 1,
        "mode": "run",
        "script": &*invocation.script.source,
        "filename": &*invocation.script.filename,
        "func": invocation.func,
        "trigger": invocation.trigger.as_str(),
        "event": invocation.event,
        "context": &*invocation.context,
        "argv_path": argv_path,
    });
    if !variables.is_empty() {
        job["env"] = variables.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    }
    job
}

/// Returns the `job` that imports a script.
#[must_use]
pub fn inspect_job(script: &Script, limits: &Limits, argv_path: &[String]) -> Value {
    json!({
        "t": "job",
        "v": 1,
        "mode": "inspect",
        "script": &*script.source,
        "filename": &*script.filename,
        "argv_path": argv_path,
        // The guest says shortly before where the import hangs, which cannot be seen from here.
        "timeout_ms": limits.timeout_ms,
    })
}

/// Says that a job of so many bytes is no frame.
#[must_use]
pub fn job_too_large(size: usize) -> Error {
    Error::new(
        ErrorCode::InvalidRequest,
        format!("script and event together have {size} bytes, more than {MAX_FRAME_BYTES}"),
    )
}

/// Returns the limits with the script's own wish for memory, which can only lower them.
#[must_use]
pub fn effective_limits(limits: &Limits, settings: &ScriptSettings) -> Limits {
    let memory_bytes = settings.memory_bytes.map_or(limits.memory_bytes, |wish| wish.min(limits.memory_bytes));
    Limits { memory_bytes, ..*limits }
}

/// Refuses the packages that a script asks for, which no shipped executor installs.
#[must_use]
pub fn unsupported_dependencies(settings: &ScriptSettings) -> Option<Error> {
    if settings.dependencies.is_empty() {
        return None;
    }
    let list = settings.dependencies.join("`, `");
    Some(
        Error::new(ErrorCode::UnsupportedImport, format!("this platform installs no packages: `{list}`"))
            .with_hint(
                "use Python's standard library and the `wren` package (`wren.http` for requests), and remove \
                 `dependencies` from the script's block",
            )
            .with_detail("dependencies", settings.dependencies.clone()),
    )
}

/// Returns the variables that the script asked to be filled from secrets. The host decides and audits.
///
/// # Errors
/// `INVALID_METADATA` for a name or a value that no environment can hold, and what the host refuses with.
pub async fn injected_environment(settings: &ScriptSettings, host: &RunHost) -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for (variable, secret) in &settings.inject_env {
        let name_is_valid = variable.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if variable.is_empty() || !name_is_valid {
            let message = format!("`{variable}` is no name of an environment variable");
            return Err(Error::new(ErrorCode::InvalidMetadata, message));
        }
        let args = Map::from_iter([("name".to_owned(), Value::from(secret.as_str()))]);
        let answer = host.call(HostRequest { op: "secret.get".to_owned(), args }).await?;
        let value = answer.get("value").and_then(Value::as_str).unwrap_or_default();
        if value.contains('\0') {
            let message = format!("the secret `{secret}` has a NUL, which no environment variable can hold");
            return Err(Error::new(ErrorCode::InvalidMetadata, message));
        }
        variables.push((variable.clone(), value.to_owned()));
    }
    Ok(variables)
}
