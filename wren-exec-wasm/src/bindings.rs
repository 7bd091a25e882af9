//! What `wit/guest.wit` says, as Rust.
#![allow(missing_docs, unreachable_pub, reason = "generated; nothing of it leaves the crate")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "guest",
    imports: { default: async | trappable },
    exports: { default: async },
});
