//! Whole stores: everything that one keeps, piece by piece, so that it can be kept by another one.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Namespace, Record, Store};
use crate::error::Result;
use crate::id::{DeploymentId, OwnerId, RunId};
use crate::model::{Attempt, Deployment, LogEntry, Revision, Run, Trigger};

/// A deployment with all that belongs to it but its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeDeployment {
    /// The deployment.
    pub deployment: Deployment,
    /// When the latest of its runs started.
    pub last_run: Option<DateTime<Utc>>,
    /// Its revisions, from the first.
    pub revisions: Vec<Revision>,
    /// Its triggers in the order of the manifest.
    pub triggers: Vec<Trigger>,
}

/// A run with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeRun {
    /// The run.
    pub run: Run,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Its lines.
    pub logs: Vec<LogEntry>,
}

/// A record and where it lives. Its version is not part of it: versions are the store's own, and nobody keeps one longer than
/// it takes to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeRecord {
    /// Where it lives.
    pub namespace: Namespace,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Bytes,
    /// When it ends to exist.
    pub expires_at: Option<DateTime<Utc>>,
}

impl WholeRecord {
    /// Takes it from a record of a namespace.
    #[must_use]
    pub fn of(namespace: Namespace, record: Record) -> Self {
        let Record { key, value, expires_at, .. } = record;
        Self { namespace, key, value, expires_at }
    }
}

/// The place in the list of all records after which a page begins: the namespace and the key.
pub type RecordPlace = (Namespace, String);

/// What [`Portable::import`] writes in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// Deployments, none of which the store has.
    pub deployments: Vec<WholeDeployment>,
    /// Runs, none of which the store has.
    pub runs: Vec<WholeRun>,
    /// Records, over what is there under their keys.
    pub records: Vec<WholeRecord>,
    /// The time.
    pub now: DateTime<Utc>,
}

/// A store whose whole content can be read and written.
///
/// These reads know no owner: they are for those who hold the store itself, not for those who ask over an API.
#[async_trait]
pub trait Portable: Store {
    /// Returns the store as it is now: its reads see nothing that is written later, by whomever, and its writes are refused. What the
    /// store keeps for it costs room until it is dropped.
    async fn snapshot(&self) -> Result<Arc<dyn Portable>>;

    /// Returns deployments of every owner and status by id: those after `after`, at most `limit`.
    async fn all_deployments(&self, after: Option<DeploymentId>, limit: usize) -> Result<Vec<(OwnerId, DeploymentId)>>;

    /// Returns runs of every owner by id: those after `after`, at most `limit`.
    async fn all_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<(OwnerId, RunId)>>;

    /// Returns records of every namespace that have not expired, by owner (the platform first), name and key: those after
    /// `after`, at most `limit`.
    async fn all_records(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<WholeRecord>>;

    /// Writes pieces of another store as they are, in one transaction.
    ///
    /// # Errors
    /// `INTERNAL` when the store has one of the deployments or runs; nothing was written.
    async fn import(&self, import: Import) -> Result<()>;
}
