//! A folder that belongs to one living process: a lock tells the folders of the living from those of the crashed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::geteuid;

const PREFIX: &str = "wren-exec-";
/// How many new folders are tried before another process is held to take each away.
const ATTEMPTS: u32 = 100;

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
                // Others may write to the parent, too: whatever is no folder of this user's is none of ours.
                let Ok(folder) = open_own(&entry.path()) else { continue };
                if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() && is_at(&folder, &entry.path()) {
                    remove(&entry.path());
                }
            }
        }
        for _ in 0..ATTEMPTS {
            let make = |path: &Path| fs::DirBuilder::new().mode(0o700).create(path);
            let path = tempfile::Builder::new().prefix(PREFIX).make_in(parent, make)?;
            let path = path.into_temp_path().keep().map_err(|error| error.error)?;
            // Another process of this user may have taken the folder for a crashed one's before it was locked.
            let Ok(lock) = open_own(&path) else { continue };
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() && is_at(&lock, &path) {
                return Ok(Self { path, _lock: lock, remove });
            }
        }
        Err(io::Error::other("every new folder was taken away by another process"))
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

/// Opens a folder of this user's own; anything else there, a link or a pipe included, is an error and never waited for.
fn open_own(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let folder = File::from(open(path, flags, Mode::empty())?);
    if folder.metadata()?.uid() == geteuid().as_raw() {
        Ok(folder)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
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
    use rustix::fs::{FileType, mknodat};

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

    #[test]
    fn what_others_planted_is_neither_waited_for_nor_touched() {
        let parent = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let kept = outside.path().join("kept");
        fs::write(&kept, "").unwrap();
        let pipe = parent.path().join("wren-exec-pipe");
        mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        std::os::unix::fs::symlink(outside.path(), parent.path().join("wren-exec-link")).unwrap();
        let foreign = parent.path().join("wren-exec-foreign");
        fs::create_dir(&foreign).unwrap();
        let is_root = geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&foreign, Some(65534), None).unwrap();
        }
        let folder = LockedDir::create(parent.path(), remove).unwrap();
        assert!(folder.path().exists() && kept.exists() && pipe.exists());
        assert_eq!(foreign.exists(), is_root);
    }

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = LockedDir::create(parent.path(), remove).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o777, 0o700);
    }
}
