//! How the guest is compiled. The build script and the crate share this file: code made under other settings is refused.

use wasmtime::Config;

/// Native stack of one run. CPython bounds its own recursion well below this; what does not ends in a trap.
pub(crate) const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Settings that shape the code.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES + 1024 * 1024)
        // What the guest does not need is not there to be attacked.
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false);
    config
}
