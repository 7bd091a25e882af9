//! The store suite on the reference store with a clock in front of it: what it hands on is what it was asked and answered.

use std::sync::Arc;

use wren_conformance::store::StoreUnderTest;
use wren_core::memory::MemoryStore;
use wren_core::store::TimedStore;

async fn timed() -> StoreUnderTest {
    StoreUnderTest::new(Arc::new(TimedStore::new(Arc::new(MemoryStore::new()))))
}

wren_conformance::store_suite!(timed);
