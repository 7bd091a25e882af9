//! Makes the guest: a component of CPython, its library and the SDK, snapshotted after its imports and compiled for the target.
// Cargo reads a build script's instructions from its standard output; a build that cannot go on says so by a panic.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[cfg(feature = "build-guest")]
mod compile;
#[cfg(feature = "build-guest")]
mod component;
#[cfg(feature = "build-guest")]
mod image;
#[cfg(feature = "build-guest")]
mod immortal;
#[cfg(feature = "build-guest")]
mod time_zones;
#[cfg(feature = "build-guest")]
#[path = "../src/tuning.rs"]
mod tuning;

use std::path::{Path, PathBuf};
use std::{env, fs};

#[cfg(feature = "build-guest")]
use sha2::{Digest as _, Sha256};

/// What a guest consists of, for the crate and for `WREN_WASM_GUEST`.
const FILES: [&str; 5] = ["guest.cwasm", "guest.image", "guest.sha256", "needs.rs", "modules.json"];

fn main() {
    for watched in ["build", "guest", "wit", "src/tuning.rs"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    println!("cargo::rerun-if-env-changed=WREN_WASM_GUEST");
    println!("cargo::rerun-if-env-changed=WREN_WASM_GUEST_OUT");
    let out = folder("OUT_DIR").expect("cargo sets OUT_DIR");
    match folder("WREN_WASM_GUEST") {
        Some(from) => {
            copy(&from, &out);
            for file in FILES {
                println!("cargo::rerun-if-changed={}", from.join(file).display());
            }
        }
        None => build(&out),
    }
    if let Some(to) = folder("WREN_WASM_GUEST_OUT") {
        fs::create_dir_all(&to).unwrap_or_else(|error| panic!("WREN_WASM_GUEST_OUT: {}: {error}", to.display()));
        copy(&out, &to);
    }
}

#[cfg(feature = "build-guest")]
fn build(out: &Path) {
    let root = folder("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let component = fs::read(component::generate(&root, out)).expect("the component was just written");
    let (component, mut image) = image::split(&component);
    immortal::mark(&mut image, &fs::read(out.join("objects.bin")).expect("the objects' list was just written"));
    let code = compile::compile(&component);
    let needs = format!(
        "pub(crate) const MEMORY_BYTES: usize = {};\npub(super) const IMAGE_START: usize = {};\n",
        image.memory_bytes, image.start
    );
    let digest = Sha256::new().chain_update(&code).chain_update(&image.bytes).finalize();
    let digest = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    for (file, bytes) in [
        ("guest.cwasm", &code),
        ("guest.image", &image.bytes),
        ("guest.sha256", &digest.into()),
        ("needs.rs", &needs.into()),
    ] {
        fs::write(out.join(file), bytes).expect("OUT_DIR can be written to");
    }
}

#[cfg(not(feature = "build-guest"))]
fn build(_out: &Path) {
    panic!(
        "wren-exec-wasm without its feature `build-guest` takes a guest that was built before: set WREN_WASM_GUEST to the \
         folder that an earlier build wrote with WREN_WASM_GUEST_OUT, or enable the feature"
    );
}

fn copy(from: &Path, to: &Path) {
    for file in FILES {
        let (from, to) = (from.join(file), to.join(file));
        fs::copy(&from, &to).unwrap_or_else(|error| panic!("copying {} to {}: {error}", from.display(), to.display()));
    }
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
