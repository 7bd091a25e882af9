//! The WASM executor keeps the contract of every executor.

mod common;

wren_conformance::executor_suite!(async || common::shared());
