//! Transactions, one after the other.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures::FutureExt as _;
use redb::{ReadableDatabase as _, ReadableTable as _};
use uuid::Uuid;
use wren_core::model::DeploymentStatus;
use wren_core::store::kit::{Group, RunQueue, Transactions, closed, failpoint};
use wren_core::{DeploymentId, ErrorCode, Result, RunId};

use crate::error::{OrStoreError, panicked};
use crate::layout::{ACTIVE, DEPLOYMENTS};
use crate::open;
use crate::options::RedbOptions;
use crate::rows::{self, Opens};
use crate::shared::{File, Shared};
use crate::tables::RedbTables;

/// The file, and the runs in it that have not ended.
pub(crate) struct RedbTransactions {
    shared: Shared,
    options: RedbOptions,
    /// `None` after a failure, until the next transaction has read it from the file again.
    queue: Option<RunQueue>,
}

impl RedbTransactions {
    pub(crate) fn new(shared: Shared, options: RedbOptions) -> Self {
        Self { shared, options, queue: None }
    }

    /// Opens the file again after redb gave it up, and reads the queue where a failed transaction may have spoilt it.
    pub(crate) fn recover(&mut self) -> Result<()> {
        let mut file = self.shared.file.write();
        if matches!(*file, File::GivenUp) {
            *file = File::Open(open::again(&self.options)?);
        }
        if self.queue.is_none() {
            self.queue = Some(read_queue(&file.database()?.begin_read().or_store_error()?)?);
        }
        Ok(())
    }

    async fn work(&mut self, groups: &mut [Box<dyn Group>]) -> Result<()> {
        let queue = self.queue.as_mut().ok_or_else(closed)?;
        let transaction = self.shared.file.read().database()?.begin_write().or_store_error()?;
        let mut tables = RedbTables { transaction, queue };
        for group in groups {
            failpoint("group");
            group.run(&mut tables).await?;
        }
        failpoint("commit");
        tables.transaction.commit().or_store_error()
    }
}

#[async_trait]
impl Transactions for RedbTransactions {
    async fn transact(&mut self, groups: &mut [Box<dyn Group>]) -> Result<()> {
        self.recover()?;
        // Over a damaged page redb panics.
        let done = AssertUnwindSafe(self.work(groups)).catch_unwind().await.unwrap_or_else(|_| Err(panicked()));
        if let Err(error) = &done {
            // What the transaction did to the queue was not undone with it.
            self.queue = None;
            if error.code() == ErrorCode::StoreUnavailable {
                *self.shared.file.write() = File::GivenUp;
                // At once: readers must not wait for somebody to write.
                if let Err(error) = self.recover() {
                    tracing::warn!(error = %error.chain(), "the store could not be opened again");
                }
            }
        }
        done
    }

    async fn close(&mut self) -> Result<()> {
        *self.shared.file.write() = File::Closed;
        Ok(())
    }
}

/// Reads the runs that have not ended.
fn read_queue(transaction: &redb::ReadTransaction) -> Result<RunQueue> {
    let mut queue = RunQueue::default();
    for entry in transaction.table(DEPLOYMENTS)?.iter().or_store_error()? {
        let (id, _) = entry.or_store_error()?;
        let id = DeploymentId::from_uuid(Uuid::from_bytes(*id.value()));
        let active = rows::deployment(transaction, id)?.is_some_and(|found| found.status == DeploymentStatus::Active);
        queue.set_active(id, active);
    }
    for entry in transaction.table(ACTIVE)?.iter().or_store_error()? {
        let (place, _) = entry.or_store_error()?;
        queue.put(rows::queued(transaction, RunId::from_uuid(Uuid::from_bytes(*place.value().2)))?);
    }
    Ok(queue)
}
