//! The whole store suite on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use wren_conformance::store::StoreUnderTest;
use wren_core::store::Store;
use wren_store_postgres::{PostgresOptions, PostgresStore};

async fn open(options: PostgresOptions) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(options).await.unwrap())
}

/// Makes a store in a schema of its own.
async fn postgres() -> Option<StoreUnderTest> {
    let options = support::fresh(support::server()?);
    let store = open(options.clone()).await;
    Some(StoreUnderTest::new(store).with_reopen(move || Box::pin(open(options.clone()))))
}

wren_conformance::store_suite!(postgres);
