//! The Python package `wren` that Wren's scripts import, embedded for executors.
//!
//! An executor writes the package to a folder and starts a Python interpreter with its entry, which speaks the guest
//! protocol of `PROTOCOL.md` over an inherited socket:
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let entry = wren_sdk::write_to(folder.path())?;
//! // python3 -I -S -B <entry> <number of the inherited socket>
//! assert!(entry.ends_with(wren_sdk::ENTRY));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! It does not start interpreters, does not sandbox, and does not speak the protocol's other side: that is an executor's.
//! The files are sources only. With `-B` an interpreter never keeps the byte code that it compiles, so an executor that
//! starts many runs `python3 -I -S -m compileall --invalidation-mode unchecked-hash` on the folder once, with the
//! interpreter that it will start.

mod reference;
mod write;

pub use reference::{Definition, reference};
pub use write::write_to;

/// The version of the guest protocol that the package speaks: `v` of a `job`.
pub const PROTOCOL_VERSION: u32 = 1;

/// The path of the entry, below the folder that holds the package.
pub const ENTRY: &str = "wren/_runtime/main.py";

/// The package's files in the order of their paths: the path with `/` as separator, beginning with `wren/`, and the text.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Returns the SHA-256 of the package in lower-case hexadecimal: of the paths and the texts, so that it changes exactly
/// when the package does.
#[must_use]
pub fn digest() -> &'static str {
    include_str!(concat!(env!("OUT_DIR"), "/digest.txt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_complete_and_nothing_else_is_in_it() {
        let paths: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        for path in [ENTRY, "wren/__init__.py", "wren/py.typed", "wren/gmail.py", "wren/_runtime/session.py"] {
            assert!(paths.contains(&path), "{path} is missing");
        }
        assert!(paths.iter().all(|path| path.starts_with("wren/") && !path.contains("__pycache__")));
    }

    #[test]
    fn the_order_of_the_files_is_that_of_their_paths() {
        assert!(FILES.is_sorted_by(|(one, _), (other, _)| one < other));
    }

    #[test]
    fn the_digest_is_a_sha256() {
        assert_eq!(digest().len(), 64);
        assert!(digest().bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
    }

    #[test]
    fn the_package_speaks_the_version_that_the_crate_names() {
        let (_, channel) = FILES.iter().find(|(path, _)| *path == "wren/_runtime/channel.py").unwrap();
        assert!(channel.contains(&format!("PROTOCOL_VERSION = {PROTOCOL_VERSION}\n")));
    }
}
