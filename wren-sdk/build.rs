//! Lists the Python package's files for `src/lib.rs`, so that a new module needs no entry anywhere.
// Cargo reads a build script's instructions from its standard output.
#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=python/wren");
    let root = variable("CARGO_MANIFEST_DIR")?.join("python");
    let mut paths = Vec::new();
    collect(&root, "wren", &mut paths)?;
    // A folder's own order differs between file systems, and so would the digest.
    paths.sort();
    let mut table = String::from("&[\n");
    let mut digest = Sha256::new();
    for path in &paths {
        let file = root.join(path);
        let contents = fs::read(&file)?;
        // Lengths keep two different packages from being the same bytes.
        for part in [path.as_bytes(), &contents] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        // Not the file's whole path, which is another one once the folder has been moved.
        let place = format!("/python/{path}");
        let _ = writeln!(table, "    ({path:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {place:?}))),");
    }
    table.push_str("]\n");
    let hex = digest.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let out = variable("OUT_DIR")?;
    fs::write(out.join("files.rs"), table)?;
    fs::write(out.join("digest.txt"), hex)
}

/// Collects what belongs to the package: modules and the marker of a typed package, no byte code.
fn collect(root: &Path, folder: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type()?.is_dir() {
            if name != "__pycache__" {
                collect(root, &path, paths)?;
            }
        } else if name == "py.typed" || name.ends_with(".py") {
            paths.push(path);
        }
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<PathBuf> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(format!("cargo did not set {name}")))
}
