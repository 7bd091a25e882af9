//! Backups: everything of a store as it is at one moment, in one file that any other store can be made of.
//!
//! # The file
//!
//! Lines of JSON in UTF-8. The first one says what the file is, in which format; the last one ends it:
//!
//! ```text
//! {"wren_backup":2,"program":"0.1.0","store":"sqlite","created_at":"2026-03-01T04:00:00Z"}
//! {"deployment":{…}}
//! {"run":{…}}
//! {"record":{…}}
//! {"end":{"deployments":1,"runs":1,"records":1,"bytes":2048,"sha256":"…"}}
//! ```
//!
//! `bytes` and `sha256` are of everything before the last line, and the last line has one way to be written: of a file that is cut off,
//! flipped in one bit or longer than it was nothing is restored. A hash is no signature: it finds accidents, not forgers.
//!
//! A later version reads every format before its own. Versions of records, and what belongs to a store's own processes, as the
//! [nodes](crate::store::Peers) on it, is not in it.

mod create;
mod file;
mod line;
mod reader;
mod restore;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::pieces::Pieces;

pub use create::create_backup;
pub use restore::{RestoreOptions, Restored, restore_backup, restore_backup_as, verify_backup};

/// The format that this version writes. In the first one the errors of runs stood in their lines, and could be too deep to be read.
pub(super) const FORMAT: u32 = 2;

/// What a backup is and holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupSummary {
    /// The format of the file.
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The technology of the store it is of: `sqlite`…
    pub store: String,
    /// The moment whose state it holds.
    pub created_at: DateTime<Utc>,
    /// How much it holds.
    pub pieces: Pieces,
    /// How large the file is, in bytes.
    pub bytes: u64,
    /// The SHA-256 of all of the file but its last line, which holds it; 64 hexadecimal digits.
    pub sha256: String,
}
