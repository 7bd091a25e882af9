//! What the core's operations read and write within a transaction, each method a call of the module that has its statement.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::model::{AttemptEnd, Deployment, DeploymentOverview, Manifest, Run, Trigger};
use wren_core::store::kit::{Changes, Detail, FireTarget, NewLine, NewRevision, Picked, Tables, failpoint};
use wren_core::store::{ClaimLimits, Held, Namespace, PutOptions};
use wren_core::{DeploymentId, DeploymentName, OwnerId, Result, RunId, TriggerId};

use crate::deployments::table as deployments;
use crate::error::OrStoreError;
use crate::records;
use crate::runs::{changes, fire, leases, logs, prune, queue, table as runs};

/// The writing connection with its open transaction, which nobody else writes beside.
#[derive(Debug)]
pub(crate) struct SqliteTables<'c>(pub(crate) &'c mut SqliteConnection);

#[async_trait]
impl Tables for SqliteTables<'_> {
    async fn deployment(&mut self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>> {
        deployments::read_overview(&mut *self.0, owner, id).await
    }

    async fn deployment_named(&mut self, owner: &OwnerId, name: &DeploymentName) -> Result<Option<Deployment>> {
        deployments::named(self.0, owner, name).await
    }

    async fn has_deployment(&mut self, id: DeploymentId) -> Result<bool> {
        deployments::exists(self.0, id).await
    }

    async fn insert_deployment(&mut self, deployment: &Deployment) -> Result<()> {
        failpoint("insert deployment");
        deployments::insert(self.0, deployment).await
    }

    async fn update_deployment(&mut self, deployment: &Deployment) -> Result<()> {
        failpoint("update deployment");
        deployments::update(self.0, deployment).await
    }

    async fn current_revision(&mut self, deployment: &Deployment) -> Result<Option<(String, Manifest)>> {
        deployments::current_revision(self.0, deployment).await
    }

    async fn insert_revision(&mut self, revision: NewRevision<'_>) -> Result<()> {
        failpoint("insert revision");
        deployments::insert_revision(self.0, revision).await
    }

    async fn triggers(&mut self, id: DeploymentId) -> Result<Vec<Trigger>> {
        deployments::triggers(self.0, id).await
    }

    async fn replace_triggers(&mut self, id: DeploymentId, triggers: &[Trigger]) -> Result<()> {
        failpoint("replace triggers");
        deployments::replace_triggers(self.0, id, triggers).await
    }

    async fn note_starts(&mut self, starts: &[(DeploymentId, DateTime<Utc>)]) -> Result<()> {
        failpoint("note starts");
        deployments::note_starts(self.0, starts).await
    }

    async fn fire_targets(&mut self, ids: &[TriggerId]) -> Result<HashMap<TriggerId, FireTarget>> {
        fire::targets(self.0, ids).await
    }

    async fn fired(&mut self, keys: &[(TriggerId, String)]) -> Result<HashMap<(TriggerId, String), RunId>> {
        fire::fired(self.0, keys).await
    }

    async fn requested(&mut self, deployment: DeploymentId, key: &str) -> Result<Option<RunId>> {
        fire::requested(self.0, deployment, key).await
    }

    async fn move_cursors(&mut self, cursors: &[(TriggerId, DateTime<Utc>)]) -> Result<()> {
        failpoint("move cursors");
        fire::move_cursors(self.0, cursors).await
    }

    async fn insert_runs(&mut self, inserted: &[Run]) -> Result<()> {
        failpoint("insert runs");
        runs::insert(self.0, inserted).await
    }

    async fn runs(&mut self, ids: &[RunId], detail: Detail) -> Result<HashMap<RunId, Run>> {
        runs::load(self.0, ids, detail).await
    }

    async fn active_of_trigger(&mut self, deployment: DeploymentId, trigger: TriggerId) -> Result<Vec<Run>> {
        runs::active_of_trigger(self.0, deployment, trigger).await
    }

    async fn active_of_deployment(&mut self, deployment: DeploymentId) -> Result<Vec<Run>> {
        runs::active_of_deployment(self.0, deployment).await
    }

    async fn change_runs(&mut self, changed: Changes) -> Result<()> {
        failpoint("change runs");
        changes::write(self.0, &changed).await
    }

    async fn extend_leases(&mut self, extended: &[(RunId, DateTime<Utc>)]) -> Result<()> {
        failpoint("extend leases");
        leases::extend(self.0, extended).await
    }

    async fn pick(&mut self, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
        queue::pick(self.0, now, limits).await
    }

    async fn expired(&mut self, now: DateTime<Utc>, limit: usize) -> Result<Vec<RunId>> {
        leases::expired(self.0, now, limit).await
    }

    async fn attempt_end(&mut self, held: Held) -> Result<Option<AttemptEnd>> {
        runs::attempt_end(self.0, held).await
    }

    async fn prune(&mut self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        failpoint("prune");
        prune::prune(self.0, before, limit).await
    }

    async fn unpruned(
        &mut self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<(RunId, DateTime<Utc>)>> {
        prune::unpruned(self.0, since, before, limit).await
    }

    async fn delete_logs(&mut self, ids: &[RunId]) -> Result<()> {
        failpoint("delete logs");
        prune::delete_logs(self.0, ids).await
    }

    async fn last_lines(&mut self, ids: &[RunId]) -> Result<HashMap<RunId, u64>> {
        runs::last_lines(self.0, ids).await
    }

    async fn append_lines(&mut self, lines: &[NewLine<'_>]) -> Result<()> {
        failpoint("append lines");
        logs::append(self.0, lines).await
    }

    async fn put_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        value: &Bytes,
        options: PutOptions,
    ) -> Result<Option<u64>> {
        failpoint("put record");
        records::put(self.0, namespace, key, value, options).await
    }

    async fn delete_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        version: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        failpoint("delete record");
        records::delete(self.0, namespace, key, version, now).await
    }

    async fn clear_records(&mut self, namespace: &Namespace) -> Result<()> {
        failpoint("clear records");
        records::clear(self.0, namespace).await
    }

    async fn purge_records(&mut self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        failpoint("purge records");
        records::purge(self.0, now, limit).await
    }

    /// Writes a value that the file has already.
    async fn touch(&mut self) -> Result<()> {
        sqlx::query("UPDATE deployments SET revision = revision WHERE rowid = (SELECT min(rowid) FROM deployments)")
            .execute(&mut *self.0)
            .await
            .or_store_error()?;
        Ok(())
    }
}
