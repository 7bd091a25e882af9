//! The store suite on the reference store.

use std::sync::Arc;

use wren_conformance::store::StoreUnderTest;
use wren_core::memory::MemoryStore;

async fn memory() -> StoreUnderTest {
    StoreUnderTest::new(Arc::new(MemoryStore::new()))
}

wren_conformance::store_suite!(memory);
