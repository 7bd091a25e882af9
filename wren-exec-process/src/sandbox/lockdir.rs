//! A folder that belongs to one living process: a lock tells the folders of the living from those of the crashed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

const PREFIX: &str = "wren-exec-";

/// A folder `wren-exec-…` that is removed on drop, or by the next to create one beside it after a crash.
#[derive(Debug)]
pub(crate) struct LockedDir {
    path: PathBuf,
    // The kernel releases the lock when this process ends, however it ends.
    _lock: File,
    remove: fn(&Path),
}

impl LockedDir {
    /// Removes the folders of crashed processes from `parent`, then makes a new one.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn create(parent: &Path, remove: fn(&Path)) -> io::Result<Self> {
        for entry in fs::read_dir(parent)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                let Ok(folder) = File::open(entry.path()) else { continue };
                if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() && is_at(&folder, &entry.path()) {
                    remove(&entry.path());
                }
            }
        }
        loop {
            let path = tempfile::Builder::new().prefix(PREFIX).make_in(parent, |path| fs::create_dir(path))?;
            let path = path.into_temp_path().keep().map_err(|error| error.error)?;
            let lock = File::open(&path)?;
            flock(&lock, FlockOperation::LockExclusive)?;
            // Another process may have taken the folder for a crashed one's before it was locked.
            if is_at(&lock, &path) {
                return Ok(Self { path, _lock: lock, remove });
            }
        }
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LockedDir {
    fn drop(&mut self) {
        (self.remove)(&self.path);
    }
}

/// Says whether an open folder is the one that a path names.
fn is_at(folder: &File, path: &Path) -> bool {
    match (folder.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => named.is_dir() && (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remove(path: &Path) {
        let _ = fs::remove_dir_all(path);
    }

    #[test]
    fn the_living_keep_their_folders_and_the_crashed_lose_them() {
        let parent = tempfile::tempdir().unwrap();
        let living = LockedDir::create(parent.path(), remove).unwrap();
        let crashed = parent.path().join("wren-exec-crashed");
        let other = parent.path().join("other");
        fs::create_dir(&crashed).unwrap();
        fs::create_dir(&other).unwrap();
        let second = LockedDir::create(parent.path(), remove).unwrap();
        assert!(living.path().exists() && second.path().exists() && other.exists());
        assert!(!crashed.exists());
        let path = second.path().to_owned();
        drop(second);
        assert!(!path.exists());
    }
}
