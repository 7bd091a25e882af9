//! The guest as cargo made it: compiled for this machine, with CPython's memory after its imports.
#![allow(unsafe_code, reason = "code that was compiled before is trusted to be what the compiler made")]

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

use crate::embedded::{self, Pages};
use crate::memory::Image;

/// The compiled component, without the data of its memory.
static CODE: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/guest.cwasm")));

/// The memory that an instance begins with, without the zeros before and after.
static IMAGE: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/guest.image")));

/// What the build script measured: `MEMORY_BYTES`, the size of the memory that an instance begins with, and `IMAGE_START`, where
/// in it the image belongs.
mod needs {
    include!(concat!(env!("OUT_DIR"), "/needs.rs"));
}

pub(crate) use needs::MEMORY_BYTES;

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
    CODE.0.len() + IMAGE.0.len()
}

/// Returns the compiled guest.
pub(crate) fn code(engine: &Engine) -> Result<Component> {
    if let Ok(pages) = embedded::map(&CODE.0) {
        // SAFETY: the build script compiled these bytes, wasmtime refuses those of another version or other settings, and they stay
        // mapped for good.
        if let Ok(component) = unsafe { Component::deserialize_raw(engine, pages) } {
            return Ok(component);
        }
    }
    // SAFETY: as above; these are copied.
    unsafe { Component::deserialize(engine, &CODE.0) }
}

/// Returns what is in an instance's memory when it begins.
pub(crate) fn image() -> std::io::Result<Image> {
    let (file, file_offset) = embedded::file_of(&IMAGE.0)?;
    Ok(Image {
        file: Arc::new(file),
        file_offset,
        bytes: &IMAGE.0,
        start: needs::IMAGE_START,
        memory_bytes: MEMORY_BYTES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_script_wrote_can_be_read() {
        assert!(needs::IMAGE_START + IMAGE.0.len() <= MEMORY_BYTES);
        assert!(modules().preloaded.len() > 150, "{}", modules().preloaded.len());
        assert_eq!(guest_digest().len(), 64);
    }
}
