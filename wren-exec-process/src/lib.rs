//! Runs Wren's scripts on the machine's CPython, in a sandboxed subprocess.

mod executor;
mod options;
mod python;
mod sandbox;
pub mod session;

pub use executor::ProcessExecutor;
pub use options::{ProcessOptions, TierPreference};
