//! A master key in a file of its own: 32 random bytes that nobody else may read.
//!
//! A rotation puts the next key beside it, in a file with the key's id in its name, and moves it over the old one when
//! nothing is wrapped with that any more. The id is why a process that comes late can never move another key than it means.
//! A process that is killed before it has written of its new key leaves a file behind that nobody reads again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wren_core::store::RecordStore;
use wren_core::{Error, Result};
use zeroize::Zeroizing;

use super::generations::Generation;
use super::local::{LocalMaster, Source};
use crate::error;
use crate::key::{self, KEY_BYTES, Key};

/// Where the master key's file is.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// Names the file in a folder beside the data folder: `data.keys/master.key` for `data`. A backup of the data alone then
    /// holds no key, and one of the keys alone no secret.
    ///
    /// # Errors
    /// `VAULT_LOCKED` when the data folder has no siblings.
    pub fn beside(data_folder: impl AsRef<Path>) -> Result<Self> {
        let data_folder = resolved(data_folder.as_ref())?;
        let (Some(parent), Some(name)) = (data_folder.parent(), data_folder.file_name()) else {
            return Err(error::locked(format!("there is no place beside the data folder {}", data_folder.display())));
        };
        let mut folder = name.to_owned();
        folder.push(".keys");
        Ok(Self { path: parent.join(folder).join("master.key") })
    }

    /// Names the file.
    ///
    /// # Errors
    /// `VAULT_LOCKED` when it is inside of the data folder: whoever gets a copy of the data would get the key with it.
    pub fn at(path: impl AsRef<Path>, data_folder: impl AsRef<Path>) -> Result<Self> {
        let (path, data_folder) = (resolved(path.as_ref())?, resolved(data_folder.as_ref())?);
        if path.starts_with(&data_folder) {
            return Err(error::locked(format!(
                "the master key {} is inside of the data folder {}",
                path.display(),
                data_folder.display()
            ))
            .with_hint("keep it outside: whoever copies the data folder must not copy the key with it"));
        }
        Ok(Self { path })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the master key of a store, and creates the file where nothing is sealed yet.
    ///
    /// # Errors
    /// `VAULT_LOCKED` when the file is missing although credentials are sealed with it, when others can read it, or when it
    /// holds another key.
    pub async fn open(self, records: Arc<dyn RecordStore>) -> Result<Arc<LocalMaster>> {
        LocalMaster::open(records, Source::File(self)).await
    }

    fn next(&self, id: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{id}.next"));
        name.into()
    }

    /// Returns the first key, which is created where there is none.
    pub(crate) fn read_or_create(&self) -> Result<Key> {
        if let Some(key) = read(&self.path)? {
            return Ok(key);
        }
        let key = Key::generate()?;
        if create(&self.path, &key)? {
            return Ok(key);
        }
        // Another process started at the same moment; its key counts. No file of this name is ever taken away.
        read(&self.path)?.ok_or_else(|| error::locked(format!("the master key {} was taken away", self.path.display())))
    }

    /// Creates the file of a rotation's new key.
    pub(crate) fn create_next(&self) -> Result<Key> {
        let key = Key::generate()?;
        let path = self.next(&Generation::id_of(&key));
        if create(&path, &key)? { Ok(key) } else { Err(error::locked(format!("{} exists already", path.display()))) }
    }

    /// Returns the key of a generation; `None` when no file has it.
    pub(crate) fn key(&self, generation: &Generation) -> Result<Option<Key>> {
        // In this order: a key that moves from one to the other in between is found.
        for path in [&self.next(&generation.id), &self.path] {
            if let Some(key) = read(path)?.filter(|key| generation.is_of(key)) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Moves the key of a generation over the old one, unless that was done. What was retired MUST have been discarded before:
    /// a process that comes late with an older key then finds nothing to move.
    pub(crate) fn promote(&self, generation: &Generation) -> Result<()> {
        match fs::rename(self.next(&generation.id), &self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&self.path, "replaced", error)),
        }
        sync_folder(&self.path).map_err(|error| unusable(&self.path, "replaced", error))
    }

    /// Deletes the file of a generation that is not used and was never moved.
    pub(crate) fn discard(&self, generation: &Generation) -> Result<()> {
        let path = self.next(&generation.id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&path, "deleted", error)),
            _ => Ok(()),
        }
    }

    /// The error for a generation that no file holds the key of.
    pub(crate) fn missing(&self, generation: &str) -> Error {
        let path = self.path.display();
        let (message, lost) = if self.path.exists() {
            (format!("the master key {path} is not the one that the credentials are sealed with"), "with this one")
        } else {
            (format!("the master key {path} is missing, and credentials are sealed with it"), "without it")
        };
        error::locked(message)
            .with_hint(format!(
                "restore the key {generation} to {path} from its backup; {lost} every stored credential is lost: \
                 restore a backup with --without-credentials, and set them again"
            ))
            .with_detail("generation", generation)
    }
}

fn unusable(path: &Path, what: &str, cause: io::Error) -> Error {
    error::locked(format!("the master key {} cannot be {what}", path.display())).with_source(cause)
}

fn read(path: &Path) -> Result<Option<Key>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, "read", error)),
    };
    // Of the file that is open, not of whatever the path names a moment later.
    let metadata = file.metadata().map_err(|error| unusable(path, "read", error))?;
    refuse_open_to_others(path, &metadata)?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES + 1]);
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unusable(path, "read", error)),
        }
    }
    let key = Key::from_slice(&bytes[..length]).ok_or_else(|| {
        error::locked(format!("the master key {} does not have {KEY_BYTES} bytes", path.display()))
            .with_hint("restore it from its backup")
    })?;
    Ok(Some(key))
}

#[cfg(unix)]
fn refuse_open_to_others(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(error::locked(format!("the master key {} is open to others: its mode is {mode:04o}", path.display()))
        .with_hint(format!("chmod 0400 '{}'", path.display())))
}

#[cfg(not(unix))]
fn refuse_open_to_others(_path: &Path, _metadata: &fs::Metadata) -> Result<()> {
    Ok(())
}

/// Creates a key file whole or not at all: the bytes are on the disk before the name is. False when there is one already.
fn create(path: &Path, key: &Key) -> Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = folder.join(format!(".master.{}", key::hex(&key::random::<8>()?)));
    let written = create_folder(folder).and_then(|()| write(&draft, key));
    // Unlike a rename, a link does not replace the key of a process that started at the same moment.
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match linked.and_then(|()| sync_folder(path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(unusable(path, "created", error)),
    }
}

fn write(path: &Path, key: &Key) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o400);
    let mut file = options.open(path)?;
    file.write_all(key.expose())?;
    file.sync_all()
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Returns a path without links and without `..`, as far as it exists.
fn resolved(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|error| unusable(path, "found", error))?;
    let mut rest = PathBuf::new();
    let mut existing = absolute.as_path();
    loop {
        if let Ok(canonical) = existing.canonicalize() {
            return Ok(if rest.as_os_str().is_empty() { canonical } else { canonical.join(rest) });
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                rest = if rest.as_os_str().is_empty() { name.into() } else { Path::new(name).join(rest) };
                existing = parent;
            }
            // Only a path that ends in `..` comes here, or one without a root.
            _ => return Err(error::locked(format!("the path {} leads nowhere", path.display()))),
        }
    }
}
