//! Runs Wren's scripts on the machine's CPython, in a sandboxed subprocess.

pub mod session;
