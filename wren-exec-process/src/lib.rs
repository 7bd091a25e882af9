//! Runs Wren's scripts on the machine's CPython, in a sandboxed subprocess: the `process` executor.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use wren_core::executor::{Executor, Limits, Script};
//! use wren_exec_process::{ProcessExecutor, ProcessOptions};
//!
//! # async fn example() -> wren_core::Result<()> {
//! let executor: Arc<dyn Executor> = Arc::new(ProcessExecutor::start(ProcessOptions::default()).await);
//! executor.check().await?;
//! println!("{} in {}", executor.name(), executor.isolation().tier);
//! let script = Script::new("import wren\n\n@wren.on_schedule('@daily')\ndef daily(): ...\n");
//! let inspection = executor.inspect(&script, &Limits::default()).await?;
//! assert_eq!(inspection.triggers[0].func, "daily");
//! # Ok(())
//! # }
//! ```
//!
//! Every run is a fresh interpreter in one of two sandboxes, found at the start by really starting a guest:
//!
//! - `bubblewrap`: namespaces of every kind, a read-only root with nothing but Python in it, a sized `/tmp`, no
//!   capabilities, a seccomp filter, and a control group for memory and processes where this process may make one;
//! - `reduced`, where namespaces are not to be had: Landlock and seccomp. A script there is one process that opens no
//!   socket, but it can tell which files and processes the host has.
//!
//! Where neither works the executor refuses every run and says why; there is no way to run a script without a sandbox.
//!
//! Memory is limited for the whole process tree by the control group; without one, for each process by resource limits. Files in
//! memory and System V's shared memory are then refused, and the recorded tier is `bubblewrap (no cgroup)`. As root, each guest
//! runs as a user of its own where others may read the interpreter, and as root's shadow in a user namespace where they may
//! not.
//!
//! [`session`] drives a guest that somebody else started, for executors of third parties.
//!
//! What this crate does not do: it installs no packages (a script with PEP 723 `dependencies` is told so), keeps no warm
//! interpreters, and knows no scheduling, no store and no secrets.

mod executor;
mod options;
mod python;
mod sandbox;
pub mod session;

pub use executor::ProcessExecutor;
pub use options::{ProcessOptions, TierPreference};
