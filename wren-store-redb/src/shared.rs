//! The open file, which the writer may have to open again while readers wait.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use parking_lot::RwLock;
use redb::{Database, ReadTransaction, ReadableDatabase as _};
use wren_core::Result;
use wren_core::store::kit::closed;

use crate::error::{OrStoreError, given_up, panicked};

/// The file, which redb gives up at a failure of the disk: it refuses every call after one that failed, so that nothing is read
/// which may not be on the disk.
pub(crate) enum File {
    Open(Database),
    /// Until the writer has opened it again.
    GivenUp,
    Closed,
}

impl File {
    /// Returns the database, or says why there is none.
    pub(crate) fn database(&self) -> Result<&Database> {
        match self {
            Self::Open(database) => Ok(database),
            Self::GivenUp => Err(given_up()),
            Self::Closed => Err(closed()),
        }
    }
}

/// The file, which readers share with the writer.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) file: Arc<RwLock<File>>,
    /// What a snapshot reads from; without it each read is of what stands then.
    pinned: Option<Arc<ReadTransaction>>,
}

impl Shared {
    pub(crate) fn new(database: Database) -> Self {
        Self { file: Arc::new(RwLock::new(File::Open(database))), pinned: None }
    }

    /// Returns the file as it is now: what is read through it sees nothing that is written later.
    pub(crate) fn pinned(&self) -> Result<Self> {
        let transaction = self.file.read().database()?.begin_read().or_store_error()?;
        Ok(Self { file: Arc::clone(&self.file), pinned: Some(Arc::new(transaction)) })
    }

    /// Reads from the last transaction, on a thread that may wait for the disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Self { file, pinned } = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let file = file.read();
            let database = file.database()?;
            let transaction = match pinned {
                Some(transaction) => transaction,
                None => Arc::new(database.begin_read().or_store_error()?),
            };
            // Over a damaged page redb panics.
            std::panic::catch_unwind(AssertUnwindSafe(|| read(&transaction))).unwrap_or_else(|_| Err(panicked()))
        });
        reading.await.unwrap_or_else(|_| Err(closed()))
    }
}
