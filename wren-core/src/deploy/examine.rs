//! The stages that need no store, joined.

use chrono::{DateTime, Utc};

use super::{DeployMetadata, DeployRules, Examination, check, inspect, parse};
use crate::error::Result;

/// Examines a script: `parse → inspect → check`. What is wrong with the script is a diagnostic, not an error.
///
/// # Errors
/// `EXECUTOR_UNAVAILABLE`, `INTERNAL`.
pub async fn examine(
    source: &[u8],
    metadata: Option<&DeployMetadata>,
    rules: &DeployRules,
    now: DateTime<Utc>,
) -> Result<Examination> {
    let parsed = parse(source, rules);
    let inspection = inspect(&parsed, rules).await?;
    Ok(check(parsed, inspection.as_ref(), metadata, rules, now))
}
