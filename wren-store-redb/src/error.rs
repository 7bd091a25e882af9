//! redb's failures in the words of the taxonomy: what happened, and what to do about it.

use std::io::ErrorKind;

use wren_core::{Error, ErrorCode, Result};

/// Translates a failure of redb.
pub(crate) fn from_redb(error: redb::Error) -> Error {
    let (message, hint) = match &error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => (
            "another process has the store open",
            "one process at a time has a redb file: stop that one, or ask it over HTTP",
        ),
        redb::Error::UpgradeRequired(_) => {
            ("the file has an older format of redb", "open it with the version of Wren that wrote it, and migrate")
        }
        redb::Error::Corrupted(_) => {
            ("the store is damaged", "stop the server, keep a copy of the file, and restore a backup")
        }
        redb::Error::Io(io) => match io.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                ("the disk is full", "free some space; nothing was lost and nothing half-written")
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                ("the store cannot be written", "give this user write access to the file")
            }
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                ("the store is damaged", "stop the server, keep a copy of the file, and restore a backup")
            }
            ErrorKind::NotFound => ("the store does not exist", "check the path, or let the server create it"),
            _ => ("the disk failed", "look at the system's log for errors of the device"),
        },
        redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. } => return foreign(),
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => return given_up(),
        _ => return Error::internal("a call of redb failed", error),
    };
    Error::new(ErrorCode::StoreUnavailable, message).with_hint(hint).with_source(error)
}

/// Says that the file has tables that are not ours.
pub(crate) fn foreign() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "the store belongs to another program")
        .with_hint("check the path; a file of Wren's that reads so is damaged: restore a backup; it was left as it is")
}

/// Says that the file was given up after a failure, and is not open again yet.
pub(crate) fn given_up() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "the store is being opened again after a failure of the disk")
        .with_hint("try again")
}

/// Says that redb panicked, as it does over a file whose pages contradict each other.
pub(crate) fn panicked() -> Error {
    Error::new(ErrorCode::StoreUnavailable, "the store is damaged")
        .with_hint("stop the server, keep a copy of the file, and restore a backup")
}

/// Turns redb's results into the store's.
pub(crate) trait OrStoreError<T> {
    fn or_store_error(self) -> Result<T>;
}

impl<T, E: Into<redb::Error>> OrStoreError<T> for Result<T, E> {
    fn or_store_error(self) -> Result<T> {
        self.map_err(|error| from_redb(error.into()))
    }
}
