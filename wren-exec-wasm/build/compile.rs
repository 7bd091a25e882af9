//! Compiles the component for the target, so that no compiler is needed where it runs.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::tuning;

/// A page of linear memory, in bytes.
const WASM_PAGE_BYTES: u64 = 64 * 1024;

pub(crate) fn compile(component: &Path, out: &Path) {
    let wasm = fs::read(component).expect("the component was just written");
    let (host, target) = (env::var("HOST").unwrap_or_default(), env::var("TARGET").unwrap_or_default());
    let mut config = tuning::config();
    if host != target {
        config.target(&target).unwrap_or_else(|error| panic!("wasmtime cannot compile for {target}: {error:?}"));
    }
    let engine = Engine::new(&config).unwrap_or_else(|error| panic!("the compiler did not start: {error:?}"));
    let code = engine
        .precompile_component(&wasm)
        .unwrap_or_else(|error| panic!("the guest could not be compiled for {target}: {error:?}"));
    fs::write(out.join("guest.cwasm"), &code).expect("OUT_DIR can be written to");
    fs::write(out.join("guest.sha256"), hex(&Sha256::digest(&code))).expect("OUT_DIR can be written to");
    // For another machine the numbers are the same, but only code for this one can be loaded.
    let (engine, code) = if host == target {
        (engine, code)
    } else {
        let engine = Engine::new(&tuning::config()).expect("an engine of these settings was just started");
        let code = engine.precompile_component(&wasm).expect("the component was just compiled");
        (engine, code)
    };
    fs::write(out.join("needs.json"), needs(&engine, &code)).expect("OUT_DIR can be written to");
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Returns what a pool of instances must have for this component, as the crate reads it.
#[allow(unsafe_code, reason = "the code comes from the compiler a moment ago")]
fn needs(engine: &Engine, code: &[u8]) -> String {
    // SAFETY: this engine compiled these bytes.
    let component = unsafe { Component::deserialize(engine, code) };
    let component = component.unwrap_or_else(|error| panic!("the compiled guest cannot be loaded: {error:?}"));
    let needs = component.resources_required().expect("the guest imports no core module");
    format!(
        "{{\"memory_bytes\": {}, \"memories\": {}, \"tables\": {}, \"table_elements\": {}}}",
        needs.max_initial_memory_size.unwrap_or_default() * WASM_PAGE_BYTES,
        needs.num_memories,
        needs.num_tables,
        needs.max_initial_table_size.unwrap_or_default(),
    )
}
