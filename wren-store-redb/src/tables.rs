//! What the core's operations read and write within a transaction, each method a call of the module that does it.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use redb::{ReadableTable as _, WriteTransaction};
use wren_core::model::{AttemptEnd, Deployment, DeploymentOverview, Manifest, Run, Trigger};
use wren_core::store::kit::{Changes, Detail, FireTarget, NewLine, NewRevision, Picked, RunQueue, Tables, failpoint};
use wren_core::store::{ClaimLimits, Held, Namespace, PutOptions};
use wren_core::{DeploymentId, DeploymentName, OwnerId, Result, RunId, TriggerId};

use crate::encoding::decode;
use crate::error::OrStoreError;
use crate::layout::{ATTEMPTS, META, NAMES, REVISIONS, SCHEMA, VERSION};
use crate::rows::{self, AttemptRow, Opens, RevisionRow, bytes};
use crate::{prune, reads, records, writes};

/// An open transaction, and the runs that have not ended as it leaves them.
pub(crate) struct RedbTables<'q> {
    pub(crate) transaction: WriteTransaction,
    pub(crate) queue: &'q mut RunQueue,
}

impl fmt::Debug for RedbTables<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedbTables").finish_non_exhaustive()
    }
}

impl RedbTables<'_> {
    fn whole(&self, ids: Vec<RunId>) -> Result<Vec<Run>> {
        let runs = ids.into_iter().map(|id| rows::run(&self.transaction, id, Detail::Whole));
        runs.filter_map(Result::transpose).collect()
    }
}

#[async_trait]
impl Tables for RedbTables<'_> {
    async fn deployment(&mut self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>> {
        reads::deployment(&self.transaction, owner, id)
    }

    async fn deployment_named(&mut self, owner: &OwnerId, name: &DeploymentName) -> Result<Option<Deployment>> {
        let table = self.transaction.table(NAMES)?;
        let Some(id) = table.get((owner.as_str(), name.as_str())).or_store_error()? else { return Ok(None) };
        rows::deployment(&self.transaction, DeploymentId::from_uuid(uuid::Uuid::from_bytes(*id.value())))
    }

    async fn has_deployment(&mut self, id: DeploymentId) -> Result<bool> {
        Ok(rows::deployment(&self.transaction, id)?.is_some())
    }

    async fn insert_deployment(&mut self, deployment: &Deployment) -> Result<()> {
        failpoint("insert deployment");
        writes::deployment_row(&self.transaction, self.queue, deployment)
    }

    async fn update_deployment(&mut self, deployment: &Deployment) -> Result<()> {
        failpoint("update deployment");
        writes::deployment_row(&self.transaction, self.queue, deployment)
    }

    async fn current_revision(&mut self, deployment: &Deployment) -> Result<Option<(String, Manifest)>> {
        let table = self.transaction.table(REVISIONS)?;
        let id = deployment.id.uuid();
        let Some(row) = table.get((bytes(&id), deployment.revision)).or_store_error()? else { return Ok(None) };
        let row: RevisionRow = decode("revision", row.value())?;
        Ok(Some((row.script_sha256, row.manifest)))
    }

    async fn insert_revision(&mut self, revision: NewRevision<'_>) -> Result<()> {
        failpoint("insert revision");
        writes::revision(&self.transaction, revision)
    }

    async fn triggers(&mut self, id: DeploymentId) -> Result<Vec<Trigger>> {
        rows::triggers_of(&self.transaction, id)
    }

    async fn replace_triggers(&mut self, id: DeploymentId, triggers: &[Trigger]) -> Result<()> {
        failpoint("replace triggers");
        writes::triggers(&self.transaction, id, triggers)
    }

    async fn note_starts(&mut self, starts: &[(DeploymentId, DateTime<Utc>)]) -> Result<()> {
        failpoint("note starts");
        writes::starts(&self.transaction, starts)
    }

    async fn fire_targets(&mut self, ids: &[TriggerId]) -> Result<HashMap<TriggerId, FireTarget>> {
        writes::fire_targets(&self.transaction, self.queue, ids)
    }

    async fn fired(&mut self, keys: &[(TriggerId, String)]) -> Result<HashMap<(TriggerId, String), RunId>> {
        let mut found = HashMap::new();
        for (trigger, key) in keys {
            if let Some(id) = writes::recorded(&self.transaction, trigger.uuid(), key)? {
                found.insert((*trigger, key.clone()), id);
            }
        }
        Ok(found)
    }

    async fn requested(&mut self, deployment: DeploymentId, key: &str) -> Result<Option<RunId>> {
        writes::recorded(&self.transaction, deployment.uuid(), key)
    }

    async fn move_cursors(&mut self, cursors: &[(TriggerId, DateTime<Utc>)]) -> Result<()> {
        failpoint("move cursors");
        writes::cursors(&self.transaction, cursors)
    }

    async fn insert_runs(&mut self, runs: &[Run]) -> Result<()> {
        failpoint("insert runs");
        writes::runs(&self.transaction, self.queue, runs)
    }

    async fn runs(&mut self, ids: &[RunId], detail: Detail) -> Result<HashMap<RunId, Run>> {
        let runs = ids.iter().map(|id| Ok(rows::run(&self.transaction, *id, detail)?.map(|run| (*id, run))));
        runs.filter_map(Result::transpose).collect()
    }

    async fn active_of_trigger(&mut self, _deployment: DeploymentId, trigger: TriggerId) -> Result<Vec<Run>> {
        self.whole(self.queue.of_trigger(trigger))
    }

    async fn active_of_deployment(&mut self, deployment: DeploymentId) -> Result<Vec<Run>> {
        self.whole(self.queue.of_deployment(deployment))
    }

    async fn change_runs(&mut self, changes: Changes) -> Result<()> {
        failpoint("change runs");
        writes::changes(&self.transaction, self.queue, &changes)
    }

    async fn extend_leases(&mut self, leases: &[(RunId, DateTime<Utc>)]) -> Result<()> {
        failpoint("extend leases");
        writes::leases(&self.transaction, self.queue, leases)
    }

    async fn pick(&mut self, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
        let ids = self.queue.pick(now, limits);
        Ok(Picked { ids, next_at: self.queue.next_at(now), look_again: false })
    }

    async fn expired(&mut self, now: DateTime<Utc>, limit: usize) -> Result<Vec<RunId>> {
        Ok(self.queue.expired(now, limit))
    }

    async fn attempt_end(&mut self, held: Held) -> Result<Option<AttemptEnd>> {
        let table = self.transaction.table(ATTEMPTS)?;
        let id = held.run_id.uuid();
        let Some(row) = table.get((bytes(&id), held.fence.epoch)).or_store_error()? else { return Ok(None) };
        Ok(decode::<AttemptRow>("attempt", row.value())?.end)
    }

    async fn prune(&mut self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        failpoint("prune");
        prune::prune(&self.transaction, before, limit)
    }

    async fn unpruned(
        &mut self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<(RunId, DateTime<Utc>)>> {
        prune::unpruned(&self.transaction, since, before, limit)
    }

    async fn delete_logs(&mut self, ids: &[RunId]) -> Result<()> {
        failpoint("delete logs");
        prune::delete_logs(&self.transaction, ids)
    }

    async fn last_lines(&mut self, ids: &[RunId]) -> Result<HashMap<RunId, u64>> {
        writes::last_lines(&self.transaction, ids)
    }

    async fn append_lines(&mut self, lines: &[NewLine<'_>]) -> Result<()> {
        failpoint("append lines");
        writes::lines(&self.transaction, lines)
    }

    async fn put_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        value: &Bytes,
        options: PutOptions,
    ) -> Result<Option<u64>> {
        failpoint("put record");
        records::put(&self.transaction, namespace, key, value, options)
    }

    async fn delete_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        version: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        failpoint("delete record");
        records::delete(&self.transaction, namespace, key, version, now)
    }

    async fn clear_records(&mut self, namespace: &Namespace) -> Result<()> {
        failpoint("clear records");
        records::clear(&self.transaction, namespace)
    }

    async fn purge_records(&mut self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        failpoint("purge records");
        records::purge(&self.transaction, now, limit)
    }

    /// Writes a value that the file has already.
    async fn touch(&mut self) -> Result<()> {
        self.transaction.table(META)?.insert(SCHEMA, VERSION).or_store_error()?;
        Ok(())
    }
}
