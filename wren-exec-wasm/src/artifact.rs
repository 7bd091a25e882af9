//! The guest as cargo made it: compiled for this machine, with CPython's memory after its imports.
#![allow(unsafe_code, reason = "code that was compiled before is trusted to be what the compiler made")]

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::sync::LazyLock;

use serde::Deserialize;
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// The compiled component.
static CODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.cwasm"));

/// What the guest needs of a pool, measured when it was built.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Needs {
    /// Linear memory that an instance begins with, in bytes.
    pub(crate) memory_bytes: u64,
    /// Linear memories.
    pub(crate) memories: u32,
    /// Tables of a component.
    pub(crate) tables: u32,
    /// The longest table.
    pub(crate) table_elements: u32,
}

/// Modules of Python's standard library in the guest.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Modules {
    /// Imported before the snapshot: an import costs nothing.
    pub preloaded: Vec<String>,
    /// Compiled into the guest's memory and imported from there.
    pub from_memory: Vec<String>,
    /// In CPython elsewhere, and not here: `UNSUPPORTED_IMPORT`.
    pub absent: Vec<String>,
}

pub(crate) static NEEDS: LazyLock<Needs> = LazyLock::new(|| {
    // Written by the build script, and read by a test of this crate.
    serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/needs.json"))).unwrap_or(Needs {
        memory_bytes: 256 << 20,
        memories: 1,
        tables: 64,
        table_elements: 100_000,
    })
});

/// Returns which modules of the standard library scripts can import.
#[must_use]
pub fn modules() -> &'static Modules {
    static MODULES: LazyLock<Modules> = LazyLock::new(|| {
        serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/modules.json"))).unwrap_or(Modules {
            preloaded: Vec::new(),
            from_memory: Vec::new(),
            absent: Vec::new(),
        })
    });
    &MODULES
}

/// Returns the SHA-256 of the guest in lower-case hexadecimal, which changes with CPython, the SDK and the compiler.
#[must_use]
pub fn guest_digest() -> &'static str {
    include_str!(concat!(env!("OUT_DIR"), "/guest.sha256"))
}

/// Returns the size of the guest within the binary, in bytes.
#[must_use]
pub fn guest_bytes() -> usize {
    CODE.len()
}

pub(crate) fn load(engine: &Engine) -> Result<Component> {
    // From a file, because pages of a file are mapped copy-on-write: CPython's memory is then shared by all instances
    // without having been copied once more. It is a file without a name, so nobody else can change it.
    if let Ok(file) = anonymous_file() {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: the build script compiled these bytes, and wasmtime refuses those of another version or other settings.
        if let Ok(component) = unsafe { Component::deserialize_file(engine, path) } {
            return Ok(component);
        }
    }
    // SAFETY: as above.
    unsafe { Component::deserialize(engine, CODE) }
}

fn anonymous_file() -> std::io::Result<File> {
    let descriptor = rustix::fs::memfd_create("wren-guest", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(descriptor);
    file.write_all(CODE)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_script_wrote_can_be_read() {
        assert!(serde_json::from_str::<Needs>(include_str!(concat!(env!("OUT_DIR"), "/needs.json"))).is_ok());
        assert!(modules().preloaded.len() > 150, "{}", modules().preloaded.len());
        assert_eq!(guest_digest().len(), 64);
    }
}
