//! What the core's operations read and write within a transaction, each method a call of the module that has its statement.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use wren_core::model::{AttemptEnd, Deployment, DeploymentOverview, Manifest, Run, Trigger};
use wren_core::store::kit::{Changes, Detail, FireTarget, Lane, NewLine, NewRevision, Picked, Tables, failpoint};
use wren_core::store::{ClaimLimits, Held, Namespace, PutOptions};
use wren_core::{DeploymentId, DeploymentName, OwnerId, Result, RunId, TriggerId};

use crate::{deployments, fires, leases, logs, queue, records, runs};

/// A connection with an open transaction.
#[derive(Debug)]
pub(crate) struct PostgresTables<'c> {
    pub(crate) connection: &'c mut PgConnection,
    /// What the transaction is for.
    pub(crate) lane: Lane,
}

#[async_trait]
impl Tables for PostgresTables<'_> {
    async fn deployment(&mut self, owner: &OwnerId, id: DeploymentId) -> Result<Option<DeploymentOverview>> {
        deployments::locked(self.connection, owner, id).await
    }

    async fn deployment_named(&mut self, owner: &OwnerId, name: &DeploymentName) -> Result<Option<Deployment>> {
        deployments::named(self.connection, owner, name).await
    }

    async fn has_deployment(&mut self, id: DeploymentId) -> Result<bool> {
        deployments::exists(self.connection, id).await
    }

    async fn insert_deployment(&mut self, deployment: &Deployment) -> Result<()> {
        failpoint("insert deployment");
        deployments::insert(self.connection, deployment).await
    }

    async fn update_deployment(&mut self, deployment: &Deployment) -> Result<()> {
        failpoint("update deployment");
        deployments::update(self.connection, deployment).await
    }

    async fn current_revision(&mut self, deployment: &Deployment) -> Result<Option<(String, Manifest)>> {
        deployments::current_revision(self.connection, deployment).await
    }

    async fn insert_revision(&mut self, revision: NewRevision<'_>) -> Result<()> {
        failpoint("insert revision");
        deployments::insert_revision(self.connection, revision).await
    }

    async fn triggers(&mut self, id: DeploymentId) -> Result<Vec<Trigger>> {
        deployments::triggers(self.connection, id).await
    }

    async fn replace_triggers(&mut self, id: DeploymentId, triggers: &[Trigger]) -> Result<()> {
        failpoint("replace triggers");
        deployments::replace_triggers(self.connection, id, triggers).await
    }

    async fn note_starts(&mut self, starts: &[(DeploymentId, DateTime<Utc>)]) -> Result<()> {
        failpoint("note starts");
        deployments::note_starts(self.connection, starts).await
    }

    async fn fire_targets(&mut self, ids: &[TriggerId]) -> Result<HashMap<TriggerId, FireTarget>> {
        fires::targets(self.connection, ids).await
    }

    async fn fired(&mut self, keys: &[(TriggerId, String)]) -> Result<HashMap<(TriggerId, String), RunId>> {
        fires::fired(self.connection, keys).await
    }

    async fn requested(&mut self, deployment: DeploymentId, key: &str) -> Result<Option<RunId>> {
        fires::requested(self.connection, deployment, key).await
    }

    async fn move_cursors(&mut self, cursors: &[(TriggerId, DateTime<Utc>)]) -> Result<()> {
        failpoint("move cursors");
        fires::move_cursors(self.connection, cursors).await
    }

    async fn insert_runs(&mut self, inserted: &[Run]) -> Result<()> {
        failpoint("insert runs");
        runs::insert(self.connection, inserted).await
    }

    async fn runs(&mut self, ids: &[RunId], detail: Detail) -> Result<HashMap<RunId, Run>> {
        runs::load(self.connection, ids, detail, self.lane == Lane::Claims).await
    }

    async fn active_of_trigger(&mut self, deployment: DeploymentId, trigger: TriggerId) -> Result<Vec<Run>> {
        runs::active(self.connection, deployment, Some(trigger)).await
    }

    async fn active_of_deployment(&mut self, deployment: DeploymentId) -> Result<Vec<Run>> {
        runs::active(self.connection, deployment, None).await
    }

    async fn change_runs(&mut self, changed: Changes) -> Result<()> {
        failpoint("change runs");
        runs::change(self.connection, &changed).await
    }

    async fn extend_leases(&mut self, extended: &[(RunId, DateTime<Utc>)]) -> Result<()> {
        failpoint("extend leases");
        leases::extend(self.connection, extended).await
    }

    async fn pick(&mut self, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
        queue::pick(self.connection, now, limits).await
    }

    async fn expired(&mut self, now: DateTime<Utc>, limit: usize) -> Result<Vec<RunId>> {
        leases::expired(self.connection, now, limit).await
    }

    async fn attempt_end(&mut self, held: Held) -> Result<Option<AttemptEnd>> {
        runs::attempt_end(self.connection, held).await
    }

    async fn prune(&mut self, before: DateTime<Utc>, limit: usize) -> Result<usize> {
        failpoint("prune");
        runs::prune(self.connection, before, limit).await
    }

    async fn unpruned(
        &mut self,
        since: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<(RunId, DateTime<Utc>)>> {
        runs::unpruned(self.connection, since, before, limit).await
    }

    async fn delete_logs(&mut self, ids: &[RunId]) -> Result<()> {
        failpoint("delete logs");
        runs::delete_logs(self.connection, ids).await
    }

    async fn last_lines(&mut self, ids: &[RunId]) -> Result<HashMap<RunId, u64>> {
        logs::last(self.connection, ids).await
    }

    async fn append_lines(&mut self, lines: &[NewLine<'_>]) -> Result<()> {
        failpoint("append lines");
        logs::append(self.connection, lines).await
    }

    async fn put_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        value: &Bytes,
        options: PutOptions,
    ) -> Result<Option<u64>> {
        failpoint("put record");
        records::put(self.connection, namespace, key, value, options).await
    }

    async fn delete_record(
        &mut self,
        namespace: &Namespace,
        key: &str,
        version: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        failpoint("delete record");
        records::delete(self.connection, namespace, key, version, now).await
    }

    async fn clear_records(&mut self, namespace: &Namespace) -> Result<()> {
        failpoint("clear records");
        records::clear(self.connection, namespace).await
    }

    async fn purge_records(&mut self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        failpoint("purge records");
        records::purge(self.connection, now, limit).await
    }

    async fn touch(&mut self) -> Result<()> {
        deployments::touch(self.connection).await
    }
}
