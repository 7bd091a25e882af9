//! What a run printed.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where a log entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// The script's standard output.
    Stdout,
    /// The script's standard error.
    Stderr,
    /// The platform, about the run: truncation, retries, lost workers.
    System,
}

impl LogStream {
    /// Every stream.
    pub const ALL: [LogStream; 3] = [Self::Stdout, Self::Stderr, Self::System];

    /// Returns the stream as it stands on the wire and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::System => "system",
        }
    }

    /// Parses what [`as_str`](Self::as_str) returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == text)
    }
}

impl fmt::Display for LogStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A line on its way from an executor to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When the executor received it.
    pub at: DateTime<Utc>,
    /// Where it came from.
    pub stream: LogStream,
    /// The text without its line break: UTF-8 repaired, at most the executor's line cap.
    pub text: String,
}

/// A stored line of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its number within the run, from 1, growing over all attempts.
    pub seq: u64,
    /// When the executor received it.
    pub at: DateTime<Utc>,
    /// The attempt that printed it, from 1.
    pub attempt: u32,
    /// Where it came from.
    pub stream: LogStream,
    /// The text without its line break.
    pub text: String,
}
