//! Mail that is handed over in requests, from the address to the queued run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod addresses;
mod deliveries;
mod refusals;
mod support;
