//! The broker, in front of servers of this machine.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod ai;
mod audit;
mod credentials;
mod integration;
mod plain;
mod slack;
mod support;
