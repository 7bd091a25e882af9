//! The files that guests read, written once at the start.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::lockdir::LockedDir;
use super::scratch;

/// A folder with the SDK, a small `/etc`, and room for scratch folders.
#[derive(Debug)]
pub(crate) struct Files {
    folder: LockedDir,
}

impl Files {
    /// Writes the files below `parent`, and removes what crashed processes left there.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn write(parent: &Path, python: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let folder = LockedDir::create(parent, scratch::remove)?;
        let files = Self { folder };
        // Guests may run as another user than this process; nothing here is secret.
        make_folder(files.folder.path())?;
        fs::create_dir(files.sdk())?;
        wren_sdk::write_to(&files.sdk())?;
        write_file(&files.etc(), "passwd", b"wren:x:65534:65534:Wren:/tmp/home:/usr/sbin/nologin\n")?;
        write_file(&files.etc(), "group", b"wren:x:65534:\n")?;
        write_file(&files.etc(), "hosts", b"127.0.0.1 localhost wren\n")?;
        if let Ok(cache) = fs::read("/etc/ld.so.cache") {
            write_file(&files.etc(), "ld.so.cache", &cache)?;
        }
        make_folder(&files.scratch())?;
        files.compile(python);
        Ok(files)
    }

    /// Returns the folder of the SDK.
    pub(crate) fn sdk(&self) -> PathBuf {
        self.folder.path().join("sdk")
    }

    /// Returns the folder that the bubblewrap tier shows as `/etc`.
    pub(crate) fn etc(&self) -> PathBuf {
        self.folder.path().join("etc")
    }

    /// Returns the folder for the scratch folders of the reduced tier.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// Compiles the SDK, which guests could not keep; without it each would compile anew, which is slower and no worse.
    fn compile(&self, python: &Path) {
        let result = Command::new(python)
            .args(["-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"])
            .arg(self.sdk())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !result.as_ref().is_ok_and(std::process::ExitStatus::success) {
            tracing::debug!(?result, "the SDK could not be compiled ahead");
        }
        open_to_all(&self.sdk());
    }
}

fn write_file(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, content)?;
    // The umask of an embedder may deny the sandbox's user what it must read.
    open_to_all(folder);
    Ok(())
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// Makes a tree readable for every user, whatever the umask said.
fn open_to_all(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_to_all(&entry.path());
        } else {
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o644));
        }
    }
}
