//! Runs Wren's scripts in CPython on WebAssembly: a fresh interpreter for each run, made in about a millisecond.
//!
//! CPython 3.14 for WASI, its standard library and the package `wren` are one WebAssembly component, which cargo makes while it
//! builds this crate: the library is imported once, and the memory as it stands then is what every run begins with, mapped
//! copy-on-write. Nothing of Python has to be installed, no compiler is in the binary, and nothing is cached on disk.
//!
//! ```no_run
//! use wren_exec_wasm::{WasmExecutor, WasmOptions};
//!
//! let executor = WasmExecutor::start(WasmOptions::default().with_instances(64));
//! ```
//!
//! # Isolation
//!
//! A script gets the memory of its instance and two functions: one that takes output, one that asks the platform
//! ([`RunHost`](wren_core::host::RunHost)). WASI gives it clocks and random numbers. There is no file system, no network, no
//! process, no thread and no environment. The instance is thrown away after the run.
//!
//! # What differs from CPython on a machine
//!
//! - [`modules`] lists what can be imported; what cannot is an `UNSUPPORTED_IMPORT` that names the process executor.
//! - `threading`, `subprocess` and sockets import, and refuse to be used; `asyncio` works; `urllib.request` and `http.client`
//!   ask the platform.
//! - The seed of string hashes is the guest's, since hashes of the imported library are part of its memory. It differs from
//!   build to build and not from run to run. `random`, `uuid` and `secrets` differ with every run.
//! - The run's memory limit counts the interpreter's own memory, and leaves a script at least 8 MiB.
//!
//! # Building
//!
//! Making the guest takes the feature `build-guest` (on by default), which compiles `componentize-py` and a WebAssembly compiler
//! for the build script. `WREN_WASM_GUEST=<folder>` takes a guest from a folder instead, as an earlier build left it (with
//! `WREN_WASM_GUEST_OUT=<folder>`) for the same version, settings and target; without the feature neither is compiled.

mod artifact;
mod bindings;
mod bytecode;
mod embedded;
mod ending;
mod epoch;
mod executor;
mod limits;
mod machine;
mod memory;
mod options;
mod output;
mod session;
mod stacks;
mod state;
mod tuning;

pub use artifact::{Modules, guest_bytes, guest_digest, modules};
pub use executor::WasmExecutor;
pub use options::WasmOptions;
