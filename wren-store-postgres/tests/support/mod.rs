//! Schemas of tests on the server that they share.

#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::atomic::{AtomicU32, Ordering};

use wren_conformance::servers::PostgresServer;
use wren_store_postgres::PostgresOptions;

/// Returns the server, or `None` after the reason was printed why there is none.
pub(crate) fn server() -> Option<&'static PostgresServer> {
    let server = PostgresServer::shared();
    let there = server.as_ref().map(drop).map_err(|reason| *reason);
    if wren_conformance::requirement("PostgreSQL", there) { server.ok() } else { None }
}

/// Returns options for a schema that nobody has used.
pub(crate) fn fresh(server: &PostgresServer) -> PostgresOptions {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let schema = format!("s{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    PostgresOptions::new(server.url("postgres")).with_schema(schema)
}
