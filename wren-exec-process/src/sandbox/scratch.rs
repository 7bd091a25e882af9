//! The folder on the host in which a run of the reduced tier may write.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, openat};

/// A folder that only one run uses; removed on drop, whatever the run left in it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty folder below `parent`, owned by `owner` where this process may give it away.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn create(parent: &Path, owner: Option<u32>) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(parent)?.keep();
        let scratch = Self(folder);
        if let Some(owner) = owner {
            std::os::unix::fs::chown(&scratch.0, Some(owner), Some(owner))?;
        }
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes a tree in which a script may have taken away its own permissions. Symbolic links are removed, never followed.
pub(crate) fn remove(folder: &Path) {
    if fs::remove_dir_all(folder).is_ok() {
        return;
    }
    if let Ok(name) = CString::new(folder.as_os_str().as_bytes()) {
        open_up(CWD, &name);
    }
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "a run's folder could not be removed");
    }
}

/// Gives the owner back all permissions of a folder and those in it. Each is opened within the one above and changed through
/// that handle, so that a name which meanwhile became a link leads nowhere.
fn open_up(parent: BorrowedFd<'_>, name: &CStr) {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(handle) = openat(parent, name, flags, Mode::empty()) else { return };
    // A folder without permissions can be opened in this form only, for which there is no call to change them but by name.
    let by_handle = format!("/proc/self/fd/{}", handle.as_raw_fd());
    let _ = fs::set_permissions(&by_handle, fs::Permissions::from_mode(0o700));
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(folder) = openat(&handle, c".", flags, Mode::empty()) else { return };
    let Ok(entries) = Dir::read_from(&folder) else { return };
    for entry in entries.flatten() {
        let is_folder = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
        if is_folder && ![c".", c".."].contains(&entry.file_name()) {
            open_up(folder.as_fd(), entry.file_name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_permissions_is_removed_and_links_are_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "").unwrap();
        let scratch = Scratch::create(parent.path(), None).unwrap();
        let locked = scratch.path().join("locked");
        fs::create_dir(&locked).unwrap();
        fs::write(locked.join("file"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), locked.join("link")).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        drop(scratch);
        assert!(fs::read_dir(parent.path()).unwrap().next().is_none());
        assert!(outside.path().join("kept").exists());
    }
}
