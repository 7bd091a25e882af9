//! A file that is whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};

/// A file that is being written under another name in the folder of its own, for its user alone. Dropped before it is
/// [kept](Self::keep) it is deleted; a process that is killed leaves it behind, and nobody takes it for a backup.
#[derive(Debug)]
pub(super) struct Begun {
    path: PathBuf,
    begun: PathBuf,
    file: BufWriter<File>,
}

impl Begun {
    /// Begins a file, which must not be there yet.
    pub(super) fn new(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let Some(name) = path.file_name() else {
            return Err(Error::new(ErrorCode::InvalidRequest, format!("`{}` names no file", path.display()))
                .with_hint("name the file to write, say `wren.backup`"));
        };
        let mut begun = std::ffi::OsString::from(".");
        begun.push(name);
        begun.push(format!(".{}.partial", uuid::Uuid::new_v4().simple()));
        let begun = path.with_file_name(begun);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It holds scripts, logs, and the hashes of keys.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&begun).map_err(|error| failed(path, error))?;
        Ok(Self { path: path.to_owned(), begun, file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| failed(&self.path, error))
    }

    /// Brings what was written to the disk, and returns where it can be read.
    pub(super) fn sync(&mut self) -> Result<&Path> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| failed(&self.path, error))?;
        Ok(&self.begun)
    }

    /// Gives the file its name.
    pub(super) fn keep(mut self) -> Result<()> {
        self.sync()?;
        match fs::hard_link(&self.begun, &self.path) {
            // The other name goes when this value is dropped.
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists(&self.path)),
            // Not every file system has links; there the look at the beginning has to do.
            Err(_) => fs::rename(&self.begun, &self.path).map_err(|error| failed(&self.path, error))?,
        }
        // Without the folder's sync a power cut could take the name back.
        sync_folder(&self.path).map_err(|error| failed(&self.path, error))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // What cannot be deleted is in the way of nobody.
        let _ = fs::remove_file(&self.begun);
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be opened.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorCode::Conflict, format!("{} is there already", path.display()))
        .with_hint("name a file that is not there yet: a backup writes over nothing")
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorCode::StoreUnavailable, format!("the backup {} cannot be written: {error}", path.display()))
        .with_hint("check the folder, this user's access to it and the room on its disk; no backup was made")
        .with_source(error)
}
