//! What a case gets: a store, and how to open it again.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use wren_core::store::Store;

/// A store being opened again.
pub type Reopened = Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send>>;

/// A fresh, empty store, with what keeps it alive.
pub struct StoreUnderTest {
    /// The store.
    pub store: Arc<dyn Store>,
    guard: Box<dyn Any + Send>,
    reopen: Option<Box<dyn Fn() -> Reopened + Send>>,
}

impl fmt::Debug for StoreUnderTest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoreUnderTest").field("store", &self.store).finish_non_exhaustive()
    }
}

impl StoreUnderTest {
    /// Makes one of a store that does not outlive its value.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, guard: Box::new(()), reopen: None }
    }

    /// Keeps something alive for as long as the case runs: a temporary folder, a server.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Box::new(guard);
        self
    }

    /// Says how to open the store again, as another process would after a restart. The store before has been dropped.
    #[must_use]
    pub fn with_reopen(mut self, reopen: impl Fn() -> Reopened + Send + 'static) -> Self {
        self.reopen = Some(Box::new(reopen));
        self
    }

    /// Drops the store and opens it again; a store that cannot be opened again is returned as it is, so that cases about
    /// durability still check that what was written can be read.
    pub async fn reopen(self) -> Self {
        let Self { store, guard, reopen } = self;
        let store = match &reopen {
            Some(open) => {
                drop(store);
                open().await
            }
            None => store,
        };
        Self { store, guard, reopen }
    }
}
