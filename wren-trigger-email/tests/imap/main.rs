//! Mailboxes of a real server: what fires, and what must not, while everything around fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod changes;
mod cut;
mod delivery;
mod engine;
mod nodes;
mod preview;
mod preview_slow;
mod support;
mod trouble;
