//! The second stage: the executor imports the script without any capability.

use std::sync::Arc;

use super::DeployRules;
use super::advice::{advise, code_of_import};
use super::parse::Parsed;
use crate::error::{Error, ErrorClass, ErrorCode, Location, Result, WireError};
use crate::executor::{Inspection, Limits, Script};

/// Imports a script in the executor that it asks for, or else the first.
///
/// Returns `None` when the script is no Python: then there is nothing to import.
///
/// # Errors
/// `EXECUTOR_UNAVAILABLE`, `INTERNAL`.
pub async fn inspect(parsed: &Parsed, rules: &DeployRules) -> Result<Option<Inspection>> {
    if !parsed.is_runnable() {
        return Ok(None);
    }
    let settings = parsed.settings();
    let executor = rules.executor(settings.executor.as_deref());
    let executor = executor.ok_or_else(|| Error::new(ErrorCode::ExecutorUnavailable, "no executor is configured"))?;
    let default = Limits::default();
    let limits = Limits {
        timeout_ms: rules.import_timeout_ms,
        memory_bytes: settings.memory_bytes.unwrap_or(default.memory_bytes).min(rules.max_memory_bytes),
        ..default
    };
    let script = Script::new(Arc::clone(parsed.source())).with_settings(settings.clone());
    let inspection = executor.inspect(&script, &limits).await?;
    let error = inspection.error.map(of_script).map(|error| located(error, parsed));
    let error = error.map(|error| advise(error, parsed, &rules.integrations));
    Ok(Some(Inspection { error, ..inspection }))
}

/// Adds where the requirements stand that an executor does not take: it sees the settings, not the text.
fn located(error: WireError, parsed: &Parsed) -> WireError {
    if error.code != ErrorCode::UnsupportedImport
        || error.location.is_some()
        || parsed.settings().dependencies.is_empty()
    {
        return error;
    }
    let wanted = |line: &str| line.strip_prefix('#').is_some_and(|rest| rest.trim_start().starts_with("dependencies"));
    let place = parsed.source().lines().zip(1..).find(|(line, _)| wanted(line));
    let location = place.map(|(line, number)| Location {
        line: number,
        column: None,
        end_column: None,
        snippet: Some(line.chars().take(500).collect()),
    });
    WireError { location, ..error }
}

/// Returns an import's error as the script's own, whatever it says of itself.
///
/// It comes from the guest, where a script can raise the SDK's classes with any code: a forged `InternalError` would hide
/// what is wrong, a forged `UserFacingConfigError` would send the user to the script's address. A fault of the platform
/// is an `Err` of the executor.
fn of_script(error: WireError) -> WireError {
    let own = error.class == ErrorClass::AgentFixableError;
    let code = if own { code_of_import(error.code) } else { ErrorCode::ImportError };
    WireError { class: code.class(), code, action_url: None, docs_url: None, retryable: false, ..error }
}
