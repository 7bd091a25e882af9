//! The deploy pipeline: `parse → inspect → check`, the same code for CLI, HTTP and embedders.
//!
//! [`examine`] runs the stages that need no store and returns the manifest with every finding at once; the engine adds what
//! depends on the owner, then stores and registers.

mod check;
mod examine;
mod inspect;
mod location;
mod parse;
mod request;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::sync::Arc;

pub use check::{check, source_config};
pub use examine::examine;
pub use inspect::inspect;
#[doc(hidden)]
pub use parse::sdk_names;
pub use parse::{Parsed, parse};
pub use request::{DeployMetadata, DeployRequest, MetadataSchedule, MetadataTrigger};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::executor::Executor;
use crate::integration::IntegrationDirectory;
use crate::model::Manifest;
use crate::source::TriggerSource;

/// More findings than this are of no more use; the last one says how many were left out.
const MOST_DIAGNOSTICS: usize = 100;

/// What the pipeline holds scripts to.
#[derive(Debug, Clone)]
pub struct DeployRules {
    /// The largest script, in bytes of UTF-8.
    pub max_script_bytes: usize,
    /// How long an import may take, in milliseconds.
    pub import_timeout_ms: u64,
    /// The largest timeout a script may ask for, in milliseconds.
    pub max_timeout_ms: u64,
    /// The largest memory limit a script may ask for, in bytes.
    pub max_memory_bytes: u64,
    /// The most triggers one script may declare.
    pub max_triggers: usize,
    /// The executors a script may name; the first is the default.
    pub executors: Vec<Arc<dyn Executor>>,
    /// The sources that serve event triggers; a kind without one is refused.
    pub sources: Vec<Arc<dyn TriggerSource>>,
    /// The integrations that scripts may import.
    pub integrations: IntegrationDirectory,
}

impl DeployRules {
    /// Makes rules with the default caps: 1 MiB of script, 10 s of import, 1 h of timeout, 2 GiB of memory, 100 triggers.
    #[must_use]
    pub fn new(executors: Vec<Arc<dyn Executor>>) -> Self {
        Self {
            max_script_bytes: 1024 * 1024,
            import_timeout_ms: 10_000,
            max_timeout_ms: 60 * 60 * 1000,
            max_memory_bytes: 2 * 1024 * 1024 * 1024,
            max_triggers: 100,
            executors,
            sources: Vec::new(),
            integrations: IntegrationDirectory::default(),
        }
    }

    /// Returns the executor of that name, or the default one.
    #[must_use]
    pub fn executor(&self, wanted: Option<&str>) -> Option<&Arc<dyn Executor>> {
        self.executors.iter().find(|executor| wanted.is_none_or(|name| name == executor.name()))
    }

    /// Returns how many triggers are looked at: one too many is enough to refuse them all.
    fn most_triggers(&self) -> usize {
        self.max_triggers.saturating_add(1)
    }
}

/// What an examination found.
#[derive(Debug)]
pub struct Examination {
    /// What the script declares, as far as it could be read.
    pub manifest: Manifest,
    /// Everything that is wrong, in the order of the source; empty means that the script can be deployed.
    pub diagnostics: Vec<Error>,
}

/// Returns the SHA-256 of a script's UTF-8 bytes as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(source: &str) -> String {
    Sha256::digest(source.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
