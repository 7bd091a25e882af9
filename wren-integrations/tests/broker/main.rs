//! The broker, in front of servers of this machine.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod ai;
mod audit;
mod credentials;
mod gmail;
mod integration;
mod plain;
mod probe;
mod services;
mod slack;
mod support;
