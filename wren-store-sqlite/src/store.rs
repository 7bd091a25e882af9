//! The store: a writer and a pool of readers on one file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use wren_core::model::{Attempt, Deployment, DeploymentOverview, LogEntry, Revision, RevisionSummary, Run, Trigger};
use wren_core::store::kit::{Backend, DeploymentList, Lane, RecordList, RunList, Writer};
use wren_core::store::{Namespace, Peers, Portable, Record, RecordKey, RecordPlace, WholeRecord};
use wren_core::{DeploymentId, OwnerId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::options::SqliteOptions;
use crate::transactions::SqliteTransactions;
use crate::{deployments, open, records, runs, whole};

/// A [`Store`](wren_core::store::Store) in one SQLite file.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    options: SqliteOptions,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqliteStore").field("path", &self.options.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file with the default options, and creates it if it is missing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        Self::open(SqliteOptions::new(path)).await
    }

    /// Opens a file and brings its schema up to date. Must be called within a Tokio runtime, on which the writer then runs.
    ///
    /// Files and folders that it creates are accessible to their user alone.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`, with a hint, when the file cannot be opened or written, is not a database, is damaged, or was
    /// written by another program or a newer version; the file is then as it was.
    pub async fn open(options: SqliteOptions) -> Result<Self> {
        let connection = open::writing(&options).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(options.read_connections)
            .acquire_timeout(options.busy_timeout)
            // A read-only connection on a local file does not go stale, and a ping costs as much as a read.
            .test_before_acquire(false)
            .connect_with(options.reading())
            .await
            .or_store_error()?;
        let (writer, task) = Writer::new(SqliteTransactions::new(connection, options.clone()));
        tokio::spawn(task);
        Ok(Self { writer, readers, options })
    }

    /// Writes what is queued, moves the log into the file and closes it. Later calls fail with `STORE_UNAVAILABLE`.
    ///
    /// A store that is dropped instead also writes what is queued, but nobody waits for it.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when the log could not be moved: nothing is lost, the next opening reads it.
    pub async fn close(&self) -> Result<()> {
        // Readers first: while one looks at the log it cannot be emptied.
        self.readers.close().await;
        self.writer.close().await
    }

    /// Opens the store as it is now: all reads go through one connection, and all of these are one transaction.
    async fn snapshot(&self) -> Result<Self> {
        let begun = AtomicBool::new(false);
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.options.busy_timeout)
            .test_before_acquire(false)
            // Another connection would see another state.
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| {
                let is_second = begun.swap(true, Ordering::Relaxed);
                Box::pin(async move {
                    if is_second {
                        return Err(sqlx::Error::PoolClosed);
                    }
                    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
                    // It is the first read that decides what the transaction sees.
                    sqlx::query("SELECT 1 FROM deployments LIMIT 1").fetch_optional(connection).await?;
                    Ok(())
                })
            })
            .connect_with(self.options.reading())
            .await
            .or_store_error()?;
        Ok(Self { writer: Writer::refusing(), readers, options: self.options.clone() })
    }
}

#[async_trait]
impl Backend for SqliteStore {
    fn technology(&self) -> &'static str {
        "sqlite"
    }

    /// There is one writer: SQLite takes one transaction at a time.
    fn writer(&self, _lane: Lane) -> &Writer {
        &self.writer
    }

    fn peers(&self) -> Option<&dyn Peers> {
        None
    }

    async fn check_reading(&self) -> Result<()> {
        sqlx::query("SELECT 1 FROM deployments LIMIT 1").fetch_optional(&self.readers).await.or_store_error()?;
        Ok(())
    }

    async fn read_deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>> {
        deployments::table::read_overview(&self.readers, owner, id).await
    }

    async fn list_deployments(&self, owner: &OwnerId, list: DeploymentList) -> Result<Vec<DeploymentOverview>> {
        deployments::list::deployments(&self.readers, owner, list).await
    }

    async fn read_revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Option<Revision>> {
        deployments::list::revision(&self.readers, owner, id, number).await
    }

    async fn list_revisions(
        &self,
        owner: &OwnerId,
        id: DeploymentId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Option<Vec<RevisionSummary>>> {
        deployments::list::revisions(&self.readers, owner, id, before, limit).await
    }

    async fn read_ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        deployments::list::ended_pauses(&self.readers, now, limit).await
    }

    async fn read_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        deployments::list::scan_triggers(&self.readers, after, limit).await
    }

    async fn read_run(&self, owner: &OwnerId, id: RunId) -> Result<Option<(Run, Vec<Attempt>)>> {
        runs::list::run(&self.readers, owner, id).await
    }

    async fn list_runs(&self, owner: &OwnerId, list: RunList) -> Result<Vec<Run>> {
        runs::list::runs(&self.readers, owner, list).await
    }

    async fn read_logs(&self, owner: &OwnerId, id: RunId, after: u64, limit: usize) -> Result<Option<Vec<LogEntry>>> {
        runs::logs::read(&self.readers, owner, id, after, limit).await
    }

    async fn read_record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        records::read(&self.readers, namespace, key, now).await
    }

    async fn list_records(&self, list: RecordList<'_>) -> Result<Vec<Record>> {
        records::list::records(&self.readers, list).await
    }

    async fn list_record_keys(&self, list: RecordList<'_>) -> Result<Vec<RecordKey>> {
        records::list::keys(&self.readers, list).await
    }

    async fn open_snapshot(&self) -> Result<Arc<dyn Portable>> {
        Ok(Arc::new(self.snapshot().await?))
    }

    async fn scan_deployments(
        &self,
        after: Option<DeploymentId>,
        limit: usize,
    ) -> Result<Vec<(OwnerId, DeploymentId)>> {
        whole::deployments(&self.readers, after, limit).await
    }

    async fn scan_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>> {
        whole::runs(&self.readers, after, limit).await
    }

    async fn scan_records(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<WholeRecord>> {
        whole::records(&self.readers, after, limit, now).await
    }
}
