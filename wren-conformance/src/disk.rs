//! Small disks, to fill and to make read-only.

use std::path::Path;
use std::process::Command;

/// A small file system in memory, mounted in a folder of its own. Needs the right to mount.
#[derive(Debug)]
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one of a size as `mount` takes it, `3m` say.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn mount(size: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
        let options = format!("size={size},mode=0700");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path()).map(|()| Self { folder })
    }

    /// Mounts one, or says why the test cannot run here, as [`requirement`](crate::requirement) does.
    ///
    /// # Panics
    /// Where every test has to run.
    #[must_use]
    pub fn required(size: &str) -> Option<Self> {
        let disk = Self::mount(size);
        let there = disk.as_ref().map(drop).map_err(String::as_str);
        if crate::requirement("a small disk", there) { disk.ok() } else { None }
    }

    /// Returns the folder on which it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Changes its size.
    ///
    /// # Panics
    /// When the machine refuses.
    pub fn resize(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}")], self.path()).unwrap();
    }

    /// Makes it read-only, or writable again.
    ///
    /// # Panics
    /// When the machine refuses, as it does while a file there is open for writing.
    pub fn set_read_only(&self, read_only: bool) {
        mount(&["-o", if read_only { "remount,ro" } else { "remount,rw" }], self.path()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have files open there.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn mount(arguments: &[&str], on: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(arguments).arg(on).output().map_err(|error| format!("mount: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
