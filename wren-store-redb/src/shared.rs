//! The open file, which the writer may have to open again while readers wait.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use parking_lot::RwLock;
use redb::{Database, ReadTransaction, ReadableDatabase as _};
use wren_core::Result;
use wren_core::store::kit::closed;

use crate::error::{OrStoreError, panicked};

/// The open file.
#[derive(Clone)]
pub(crate) struct Shared {
    /// `None` after a failure of the disk, until the writer has opened it again, and after the end. redb refuses every call
    /// after one that failed, so that nothing is read which may not be on the disk.
    pub(crate) database: Arc<RwLock<Option<Database>>>,
}

impl Shared {
    pub(crate) fn new(database: Database) -> Self {
        Self { database: Arc::new(RwLock::new(Some(database))) }
    }

    /// Reads from the last transaction, on a thread that may wait for the disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        let reading = tokio::task::spawn_blocking(move || {
            let database = database.read();
            let database = database.as_ref().ok_or_else(closed)?;
            let transaction = database.begin_read().or_store_error()?;
            // Over a damaged page redb panics.
            std::panic::catch_unwind(AssertUnwindSafe(|| read(&transaction))).unwrap_or_else(|_| Err(panicked()))
        });
        reading.await.unwrap_or_else(|_| Err(closed()))
    }
}
