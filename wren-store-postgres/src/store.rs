//! The store: five writers, a pool of readers and the way to other servers, on one database.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgPool, PgPoolOptions};
use wren_core::model::{Attempt, Deployment, DeploymentOverview, LogEntry, Revision, RevisionSummary, Run, Trigger};
use wren_core::store::kit::{Backend, DeploymentList, Lane, RecordList, RunList, Writer};
use wren_core::store::{Namespace, Peers, Portable, Record, RecordKey, RecordPlace, WholeRecord};
use wren_core::{DeploymentId, Error, OwnerId, Result, RunId, TriggerId};

use crate::error::OrStoreError;
use crate::options::PostgresOptions;
use crate::peers::PostgresPeers;
use crate::transactions::PostgresTransactions;
use crate::{lists, logs, records, schema, whole};

/// A [`Store`](wren_core::store::Store) in a schema of a PostgreSQL database.
pub struct PostgresStore {
    fires: Writer,
    claims: Writer,
    runs: Writer,
    requests: Writer,
    records: Writer,
    writers: PgPool,
    readers: PgPool,
    /// None of a snapshot: nobody tells it anything.
    peers: Option<PostgresPeers>,
    options: PostgresOptions,
    address: String,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PostgresStore").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects with the default options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn connect(url: impl Into<String>) -> Result<Self> {
        Self::open(PostgresOptions::new(url)).await
    }

    /// Connects and brings the schema up to date. Must be called within a Tokio runtime, on which the writers then run.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the URL or the schema's name is not one; `STORE_UNAVAILABLE`, with a hint, when the server
    /// cannot be reached, refuses the user, is too old, or has a schema that this binary cannot work with; nothing was
    /// written then.
    pub async fn open(options: PostgresOptions) -> Result<Self> {
        let connection = options.connection()?;
        let address = options.address();
        let pool = || PgPoolOptions::new().acquire_timeout(options.connect_timeout);
        let named = |error: Error| error.with_detail("address", address.clone());
        let writers =
            pool().max_connections(5).connect_with(connection.clone()).await.or_store_error().map_err(named)?;
        let mut first = writers.acquire().await.or_store_error()?;
        schema::prepare(&mut first, &options).await.map_err(named)?;
        drop(first);
        let readers = pool().max_connections(options.read_connections).connect_lazy_with(connection.clone());
        // One to listen with and one to tell with: neither waits for a reader.
        let signals = pool().max_connections(2).connect_lazy_with(connection);
        let peers = Some(PostgresPeers::start(signals, &options.schema));
        let writer = |lane| {
            let (writer, task) = Writer::new(PostgresTransactions::new(writers.clone(), lane));
            tokio::spawn(task);
            writer
        };
        Ok(Self {
            fires: writer(Lane::Fires),
            claims: writer(Lane::Claims),
            runs: writer(Lane::Runs),
            requests: writer(Lane::Requests),
            records: writer(Lane::Records),
            writers,
            readers,
            peers,
            options,
            address,
        })
    }

    /// Writes what is queued and closes the connections. Later calls fail with `STORE_UNAVAILABLE`.
    ///
    /// # Errors
    /// None so far: what was answered is durable already.
    pub async fn close(&self) -> Result<()> {
        for writer in [&self.fires, &self.claims, &self.runs, &self.requests, &self.records] {
            writer.close().await?;
        }
        if let Some(peers) = &self.peers {
            peers.end();
        }
        self.readers.close().await;
        self.writers.close().await;
        Ok(())
    }

    /// Opens the store as it is now: all reads go through one connection, and all of these are one transaction.
    async fn snapshot(&self) -> Result<Self> {
        let begun = AtomicBool::new(false);
        let readers = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.options.connect_timeout)
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
                    // It locks nothing, and who reads it may take a while between two pages.
                    sqlx::raw_sql("SET idle_in_transaction_session_timeout = 0").execute(&mut *connection).await?;
                    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                    sqlx::raw_sql(begin).execute(&mut *connection).await?;
                    // It is the first read that decides what the transaction sees.
                    sqlx::query("SELECT 1 FROM deployments LIMIT 1").fetch_optional(connection).await?;
                    Ok(())
                })
            })
            .connect_with(self.options.connection()?)
            .await
            .or_store_error()?;
        Ok(Self {
            fires: Writer::refusing(),
            claims: Writer::refusing(),
            runs: Writer::refusing(),
            requests: Writer::refusing(),
            records: Writer::refusing(),
            writers: readers.clone(),
            readers,
            peers: None,
            options: self.options.clone(),
            address: self.address.clone(),
        })
    }
}

#[async_trait]
impl Backend for PostgresStore {
    fn technology(&self) -> &'static str {
        "postgres"
    }

    fn writer(&self, lane: Lane) -> &Writer {
        match lane {
            Lane::Fires => &self.fires,
            Lane::Claims => &self.claims,
            Lane::Runs => &self.runs,
            Lane::Requests => &self.requests,
            Lane::Records => &self.records,
        }
    }

    fn peers(&self) -> Option<&dyn Peers> {
        self.peers.as_ref().map(|peers| peers as &dyn Peers)
    }

    async fn check_reading(&self) -> Result<()> {
        sqlx::query("SELECT 1 FROM deployments LIMIT 1").fetch_optional(&self.readers).await.or_store_error()?;
        Ok(())
    }

    async fn read_deployment(&self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>> {
        lists::deployment(&self.readers, owner, id).await
    }

    async fn list_deployments(&self, owner: &OwnerId, list: DeploymentList) -> Result<Vec<DeploymentOverview>> {
        lists::deployments(&self.readers, owner, list).await
    }

    async fn read_revision(&self, owner: &OwnerId, id: DeploymentId, number: u32) -> Result<Option<Revision>> {
        lists::revision(&self.readers, owner, id, number).await
    }

    async fn list_revisions(
        &self,
        owner: &OwnerId,
        id: DeploymentId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Option<Vec<RevisionSummary>>> {
        lists::revisions(&self.readers, owner, id, before, limit).await
    }

    async fn read_ended_pauses(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Deployment>> {
        lists::ended_pauses(&self.readers, now, limit).await
    }

    async fn read_triggers(&self, after: Option<TriggerId>, limit: usize) -> Result<Vec<Trigger>> {
        lists::triggers(&self.readers, after, limit).await
    }

    async fn read_run(&self, owner: &OwnerId, id: RunId) -> Result<Option<(Run, Vec<Attempt>)>> {
        lists::run(&self.readers, owner, id).await
    }

    async fn list_runs(&self, owner: &OwnerId, list: RunList) -> Result<Vec<Run>> {
        lists::runs(&self.readers, owner, list).await
    }

    async fn read_logs(&self, owner: &OwnerId, id: RunId, after: u64, limit: usize) -> Result<Option<Vec<LogEntry>>> {
        logs::read(&self.readers, owner, id, after, limit).await
    }

    async fn read_record(&self, namespace: &Namespace, key: &str, now: DateTime<Utc>) -> Result<Option<Record>> {
        records::read(&self.readers, namespace, key, now).await
    }

    async fn list_records(&self, list: RecordList<'_>) -> Result<Vec<Record>> {
        records::list(&self.readers, list).await
    }

    async fn list_record_keys(&self, list: RecordList<'_>) -> Result<Vec<RecordKey>> {
        records::list_keys(&self.readers, list).await
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
