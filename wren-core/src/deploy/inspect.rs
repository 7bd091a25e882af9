//! The second stage: the executor imports the script without any capability.

use std::sync::Arc;

use super::DeployRules;
use super::parse::Parsed;
use crate::error::{Error, ErrorClass, ErrorCode, Result};
use crate::executor::{Executor, Inspection, Limits, Script};

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
    let executor = chosen(parsed, rules)?;
    let settings = parsed.settings();
    let default = Limits::default();
    let limits = Limits {
        timeout_ms: rules.import_timeout_ms,
        memory_bytes: settings.memory_bytes.unwrap_or(default.memory_bytes).min(rules.max_memory_bytes),
        ..default
    };
    let script = Script::new(Arc::clone(parsed.source())).with_settings(settings.clone());
    let inspection = executor.inspect(&script, &limits).await?;
    match inspection.error {
        // The fault is the platform's, so nothing may be said about the script.
        Some(error) if error.class == ErrorClass::InternalError => Err(Error::from(error)),
        _ => Ok(Some(inspection)),
    }
}

fn chosen<'a>(parsed: &Parsed, rules: &'a DeployRules) -> Result<&'a Arc<dyn Executor>> {
    let wanted = parsed.settings().executor.as_deref();
    let named = rules.executors.iter().find(|executor| wanted.is_none_or(|name| name == executor.name()));
    named.ok_or_else(|| Error::new(ErrorCode::ExecutorUnavailable, "no executor is configured"))
}
