//! What the tests of this crate share.
#![allow(unreachable_pub, reason = "a test program's module, not a public one")]

use std::sync::{Arc, LazyLock};

use wren_core::executor::Executor;
use wren_exec_wasm::{WasmExecutor, WasmOptions};

/// Returns the one executor of the test's process.
pub fn shared() -> Arc<dyn Executor> {
    static SHARED: LazyLock<WasmExecutor> = LazyLock::new(|| WasmExecutor::start(WasmOptions::default()));
    Arc::new(SHARED.clone())
}
