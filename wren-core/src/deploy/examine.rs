//! The stages that need no store, joined.

use chrono::{DateTime, Utc};

use super::{DeployMetadata, DeployRules, Examination, check, inspect, parse};
use crate::error::{Error, Result};

/// Examines a script: `parse → inspect → check`. What is wrong with the script is a diagnostic, not an error.
///
/// # Errors
/// `EXECUTOR_UNAVAILABLE`, `INTERNAL`.
///
/// # Panics
/// Outside of a Tokio runtime.
pub async fn examine(
    source: &[u8],
    metadata: Option<&DeployMetadata>,
    rules: &DeployRules,
    now: DateTime<Utc>,
) -> Result<Examination> {
    let parsed = {
        let (source, rules) = (source.to_vec(), rules.clone());
        aside(move || parse(&source, &rules)).await?
    };
    let inspection = inspect(&parsed, rules).await?;
    let (metadata, rules) = (metadata.cloned(), rules.clone());
    aside(move || check(parsed, inspection.as_ref(), metadata.as_ref(), &rules, now)).await
}

/// Does work on a thread where it holds up nothing else, and waits for it.
///
/// A script of a megabyte takes a tenth of a second to read, a hostile one three: on a thread of the runtime, a few of
/// them at once would make every heartbeat and every due run late. Nothing outlives the wait but, when the caller gives
/// up, the rest of that work, which is bounded.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("examining a script ended early", error))
}
