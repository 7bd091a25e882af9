//! The Wren server and command line.
//!
//! `wren serve` runs the platform; the other commands write scripts to it, or look at what it does. This crate is the one
//! place that selects shipped backends; everything else of Wren is a library that names none.

mod args;
mod backends;
mod call;
mod client;
mod commands;
mod config;
mod failure;
mod guide;
mod output;
mod server;
mod telemetry;
mod wire;

use std::process::ExitCode;

/// Requests are many small pieces of memory, which threads hand to each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two providers in one build make a client without a named one panic; the binary names the one it ships.
    let _ = rustls::crypto::ring::default_provider().install_default();
    commands::run()
}
