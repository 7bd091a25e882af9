//! Files of embedded stores.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, ErrorCode, Result};

/// Makes the file with access for its user alone, or says what is in the way.
///
/// # Errors
/// `STORE_UNAVAILABLE`, with a hint, when the path names a folder, cannot be reached, or is missing and not to be created.
pub fn find_or_create(path: &Path, create_if_missing: bool) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(unavailable("the store's path names a folder", path).with_hint("name a file in it, say `wren.db`"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && create_if_missing => create(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(unavailable("the store does not exist", path)
            .with_hint("check the path, or let the server create it")
            .with_source(error)),
        Err(error) => Err(unavailable("the store cannot be reached", path)
            .with_hint("check the path and this user's access to its folders")
            .with_source(error)),
    }
}

fn create(path: &Path) -> Result<()> {
    let hint = "check the path and this user's access to its folder";
    let failed =
        |error: std::io::Error| unavailable("the store cannot be created", path).with_hint(hint).with_source(error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder).map_err(failed)?;
    }
    match private_file(path) {
        Ok(()) => Ok(()),
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // SQLite gives its `-wal` and `-shm` files the mode of the file itself.
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(path).map(drop)
}

/// Returns the error for a file that cannot be used.
#[must_use]
pub fn unavailable(message: &str, path: &Path) -> Error {
    Error::new(ErrorCode::StoreUnavailable, format!("{message}: {}", path.display()))
}
