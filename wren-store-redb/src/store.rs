//! The store: a writer's thread and readers on one file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redb::ReadableTable as _;
use wren_core::model::{Attempt, Deployment, DeploymentOverview, LogEntry, Revision, RevisionSummary, Run, Trigger};
use wren_core::store::kit::{Backend, DeploymentList, Lane, RecordList, RunList, Writer};
use wren_core::store::{Namespace, Peers, Portable, Record, RecordKey, RecordPlace, WholeRecord};
use wren_core::{DeploymentId, Error, OwnerId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::layout::META;
use crate::options::RedbOptions;
use crate::records::List;
use crate::rows::Opens;
use crate::shared::Shared;
use crate::transactions::RedbTransactions;
use crate::{open, reads, records, whole};

/// A [`Store`](wren_core::store::Store) in one redb file.
pub struct RedbStore {
    writer: Writer,
    shared: Shared,
    path: PathBuf,
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedbStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RedbStore {
    /// Opens a file with the default options, and creates it if it is missing.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        Self::open(RedbOptions::new(path)).await
    }

    /// Opens a file. Must be called within a Tokio runtime; the writer has a thread of its own.
    ///
    /// Files and folders that it creates are accessible to their user alone.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`, with a hint, when the file cannot be opened or written, is open in another process, is not a
    /// redb database, is damaged, or was written by another program or a newer version; the file is then as it was.
    pub async fn open(options: RedbOptions) -> Result<Self> {
        let path = options.path.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let shared = Shared::new(open::open(&options)?);
            let mut transactions = RedbTransactions::new(shared.clone(), options);
            transactions.recover()?;
            Ok((shared, transactions))
        });
        let opened: Result<_> =
            opening.await.unwrap_or_else(|error| Err(Error::internal("opening the store failed", error)));
        let (shared, transactions) = opened?;
        let (writer, task) = Writer::new(transactions);
        std::thread::Builder::new()
            .name("wren-redb-writer".to_owned())
            .spawn(move || futures::executor::block_on(task))
            .map_err(|error| Error::internal("the writer's thread cannot be started", error))?;
        Ok(Self { writer, shared, path })
    }

    /// Writes what is queued and closes the file. Later calls fail with `STORE_UNAVAILABLE`.
    ///
    /// A store that is dropped instead also writes what is queued, but nobody waits for it.
    ///
    /// # Errors
    /// None so far: what was answered is on the disk already.
    pub async fn close(&self) -> Result<()> {
        self.writer.close().await
    }
}

#[async_trait]
impl Backend for RedbStore {
    fn technology(&self) -> &'static str {
        "redb"
    }

    /// There is one writer: redb takes one transaction at a time.
    fn writer(&self, _lane: Lane) -> &Writer {
        &self.writer
    }

    fn peers(&self) -> Option<&dyn Peers> {
        None
    }

    async fn check_reading(&self) -> Result<()> {
        self.shared.read(|transaction| transaction.table(META)?.first().or_store_error().map(drop)).await
    }

    async fn read_deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>> {
        let owner = owner.clone();
        self.shared.read(move |transaction| reads::deployment(transaction, &owner, id)).await
    }

    async fn list_deployments(&self, owner: &OwnerId, list: DeploymentList) -> Result<Vec<DeploymentOverview>> {
        let owner = owner.clone();
        self.shared.read(move |transaction| reads::deployments(transaction, &owner, &list)).await
    }

    async fn read_revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Option<Revision>> {
        let owner = owner.clone();
        self.shared.read(move |transaction| reads::revision(transaction, &owner, id, number)).await
    }

    async fn list_revisions(
        &self,
        owner: &OwnerId,
        id: DeploymentId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Option<Vec<RevisionSummary>>> {
        let owner = owner.clone();
        self.shared.read(move |transaction| reads::revisions(transaction, &owner, id, before, limit)).await
    }

    async fn read_ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        self.shared.read(move |transaction| reads::ended_pauses(transaction, now, limit)).await
    }

    async fn read_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        self.shared.read(move |transaction| reads::triggers(transaction, after, limit)).await
    }

    async fn read_run(&self, owner: &OwnerId, id: RunId) -> Result<Option<(Run, Vec<Attempt>)>> {
        let owner = owner.clone();
        self.shared.read(move |transaction| reads::run(transaction, &owner, id)).await
    }

    async fn list_runs(&self, owner: &OwnerId, list: RunList) -> Result<Vec<Run>> {
        let owner = owner.clone();
        self.shared.read(move |transaction| reads::runs(transaction, &owner, &list)).await
    }

    async fn read_logs(&self, owner: &OwnerId, id: RunId, after: u64, limit: usize) -> Result<Option<Vec<LogEntry>>> {
        let owner = owner.clone();
        self.shared.read(move |transaction| reads::logs(transaction, &owner, id, after, limit)).await
    }

    async fn read_record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        let (namespace, key) = (namespace.clone(), key.to_owned());
        self.shared.read(move |transaction| records::read(transaction, &namespace, &key, now)).await
    }

    async fn list_records(&self, list: RecordList<'_>) -> Result<Vec<Record>> {
        let list = List::of(list);
        self.shared.read(move |transaction| list.records(transaction)).await
    }

    async fn list_record_keys(&self, list: RecordList<'_>) -> Result<Vec<RecordKey>> {
        let list = List::of(list);
        self.shared.read(move |transaction| list.keys(transaction)).await
    }

    async fn open_snapshot(&self) -> Result<Arc<dyn Portable>> {
        let (writer, path) = (Writer::refusing(), self.path.clone());
        Ok(Arc::new(Self { writer, shared: self.shared.pinned()?, path }))
    }

    async fn scan_deployments(
        &self,
        after: Option<DeploymentId>,
        limit: usize,
    ) -> Result<Vec<(OwnerId, DeploymentId)>> {
        self.shared.read(move |transaction| whole::deployments(transaction, after, limit)).await
    }

    async fn scan_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>> {
        self.shared.read(move |transaction| whole::runs(transaction, after, limit)).await
    }

    async fn scan_records(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<WholeRecord>> {
        self.shared.read(move |transaction| whole::records(transaction, after, limit, now)).await
    }
}
