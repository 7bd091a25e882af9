//! Compiles the component for the target, so that no compiler is needed where it runs.

use std::env;

use wasmtime::Engine;

use crate::tuning;

/// Returns the machine code of a component.
pub(crate) fn compile(wasm: &[u8]) -> Vec<u8> {
    let (host, target) = (env::var("HOST").unwrap_or_default(), env::var("TARGET").unwrap_or_default());
    let mut config = tuning::config();
    if host != target {
        config.target(&target).unwrap_or_else(|error| panic!("wasmtime cannot compile for {target}: {error:?}"));
    }
    let engine = Engine::new(&config).unwrap_or_else(|error| panic!("the compiler did not start: {error:?}"));
    engine
        .precompile_component(wasm)
        .unwrap_or_else(|error| panic!("the guest could not be compiled for {target}: {error:?}"))
}
