//! SQLite's failures in the words of the taxonomy: what happened, and what to do about it.

use wren_core::{Error, ErrorCode};

/// SQLite's primary result codes that say something about the file or the disk.
mod code {
    pub(super) const PERMISSION: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NO_MEMORY: i32 = 7;
    pub(super) const READ_ONLY: i32 = 8;
    pub(super) const INPUT_OUTPUT: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANNOT_OPEN: i32 = 14;
    pub(super) const AUTHORIZATION: i32 = 23;
    pub(super) const NOT_A_DATABASE: i32 = 26;
}

/// Returns the primary result code of a database error: the low byte of the extended one.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Says whether another process held the lock for longer than the busy timeout.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::BUSY | code::LOCKED))
}

/// Translates a failure of a statement.
pub(crate) fn from_sqlx(error: sqlx::Error) -> Error {
    let found = match primary_code(&error) {
        Some(code::BUSY | code::LOCKED) => Some((
            "another process holds the database's lock",
            "find what else has the file open: one server at a time writes it, commands beside it only for a moment",
        )),
        Some(code::FULL) => Some(("the disk is full", "free some space; nothing was lost and nothing half-written")),
        Some(code::READ_ONLY | code::PERMISSION | code::AUTHORIZATION) => Some((
            "the database cannot be written",
            "give this user write access to the file and to its folder, which also holds the `-wal` and `-shm` files",
        )),
        Some(code::CANNOT_OPEN) => Some((
            "the database cannot be opened",
            "check that the path names a file, not a folder, and that this user may read and write there",
        )),
        Some(code::NOT_A_DATABASE) => Some((
            "the file is not a SQLite database",
            "check the path; the file was left as it is, move it away or name another",
        )),
        Some(code::CORRUPT) => Some((
            "the database is damaged",
            "stop the server, keep a copy of the file with its `-wal`, and restore a backup or run SQLite's `.recover`",
        )),
        Some(code::INPUT_OUTPUT) => Some(("the disk failed", "look at the system's log for errors of the device")),
        Some(code::NO_MEMORY) => Some(("SQLite ran out of memory", "give the process more memory")),
        Some(_) => None,
        None => match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Some(("the database connection failed", "try again; if it persists, look at the server's log"))
            }
            _ => None,
        },
    };
    match found {
        Some((message, hint)) => Error::new(ErrorCode::StoreUnavailable, message).with_hint(hint).with_source(error),
        None => Error::internal("a statement failed", error),
    }
}

/// Turns sqlx's results into the store's.
pub(crate) trait OrStoreError<T> {
    fn or_store_error(self) -> wren_core::Result<T>;
}

impl<T> OrStoreError<T> for Result<T, sqlx::Error> {
    fn or_store_error(self) -> wren_core::Result<T> {
        self.map_err(from_sqlx)
    }
}
