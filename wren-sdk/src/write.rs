//! Writes the package to a folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io, process};

use crate::{ENTRY, FILES};

/// Tells apart the threads of one process that write to the same folder.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// Writes the package as `wren` below `dir`, which is created when it is missing, and returns the entry's path.
///
/// The package appears whole or not at all: it is written beside its place and moved there. One of the same content that
/// stands there already is left alone, compiled byte code included; one of other content is replaced.
///
/// # Errors
/// What the file system answers. Nothing half-written is left at the package's place.
pub fn write_to(dir: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let entry = dir.join(ENTRY);
    if stands_in(dir) {
        return Ok(entry);
    }
    let number = WRITERS.fetch_add(1, Ordering::Relaxed);
    let staging = dir.join(format!(".wren-sdk-{}-{number}", process::id()));
    let result = write_files(&staging).and_then(|()| move_into_place(&staging, dir));
    // Holds what was replaced, or what could not be moved; failing to remove it harms nobody.
    let _ = fs::remove_dir_all(&staging);
    result.map(|()| entry)
}

fn write_files(staging: &Path) -> io::Result<()> {
    for (path, contents) in FILES {
        let file = staging.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(file, contents)?;
    }
    Ok(())
}

fn move_into_place(staging: &Path, dir: &Path) -> io::Result<()> {
    let (new, place) = (staging.join("wren"), dir.join("wren"));
    // Asked again: another process may have been first, and what it placed may be in use already.
    if stands_in(dir) {
        return Ok(());
    }
    match fs::rename(&place, staging.join("replaced")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::rename(&new, &place) {
        // Another process was first, with the same files.
        Err(_) if stands_in(dir) => Ok(()),
        result => result,
    }
}

fn stands_in(dir: &Path) -> bool {
    FILES.iter().all(|(path, contents)| fs::read(dir.join(path)).is_ok_and(|found| found == contents.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn every_file_is_written_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let entry = write_to(&dir.path().join("deep/er")).unwrap();
        assert_eq!(entry, dir.path().join("deep/er").join(ENTRY));
        assert!(stands_in(&dir.path().join("deep/er")));
        assert_eq!(names(&dir.path().join("deep/er")), ["wren"]);
    }

    #[test]
    fn writing_again_keeps_what_was_compiled() {
        let dir = tempfile::tempdir().unwrap();
        write_to(dir.path()).unwrap();
        let compiled = dir.path().join("wren/__pycache__");
        fs::create_dir(&compiled).unwrap();
        write_to(dir.path()).unwrap();
        assert!(compiled.exists());
    }

    #[test]
    fn another_version_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wren")).unwrap();
        fs::write(dir.path().join("wren/old.py"), "").unwrap();
        write_to(dir.path()).unwrap();
        assert!(stands_in(dir.path()));
        assert!(!dir.path().join("wren/old.py").exists());
        assert_eq!(names(dir.path()), ["wren"]);
    }

    #[test]
    fn many_writers_at_once_leave_one_whole_package() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| write_to(dir.path()).unwrap());
            }
        });
        assert!(stands_in(dir.path()));
        assert_eq!(names(dir.path()), ["wren"]);
    }
}
