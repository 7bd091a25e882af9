//! Small writes: statuses of deployments, and what is deleted now and then.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::changes::Changes;
use super::job::Single;
use super::tables::Tables;
use super::trimmed;
use crate::error::{Error, Result};
use crate::id::{DeploymentId, OwnerId, RunId};
use crate::model::{DeploymentOverview, DeploymentStatus, RunEvent};
use crate::store::{LogsPruned, SetStatus, no_deployment, state_namespace, undeployed};

/// Sets a deployment's status.
pub(super) struct Set {
    pub(super) owner: OwnerId,
    pub(super) id: DeploymentId,
    pub(super) change: SetStatus,
}

#[async_trait]
impl Single for Set {
    type Output = DeploymentOverview;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<DeploymentOverview>> {
        let Self { owner, id, change } = self;
        let Some(mut overview) = tables.deployment(owner, *id).await? else {
            return Ok(Err(no_deployment(*id)));
        };
        let now = trimmed(change.now);
        let change = SetStatus { paused_until: change.paused_until.map(trimmed), ..change.clone() };
        match change.apply(&mut overview.deployment, now) {
            Ok(true) => tables.update_deployment(&overview.deployment).await?,
            Ok(false) => return Ok(Ok(overview)),
            Err(refused) => return Ok(Err(refused)),
        }
        if change.status == DeploymentStatus::Undeployed {
            tables.replace_triggers(*id, &[]).await?;
            overview.triggers.clear();
            tables.clear_records(&state_namespace(owner, *id)).await?;
            end_runs(tables, *id, now).await?;
        }
        Ok(Ok(overview))
    }
}

/// Cancels the runs that are queued, and asks those running to end.
async fn end_runs(tables: &mut dyn Tables, id: DeploymentId, now: DateTime<Utc>) -> Result<()> {
    let mut changes = Changes::default();
    for mut run in tables.active_of_deployment(id).await? {
        changes
            .apply(&mut run, RunEvent::Cancel { error: undeployed() }, now)?
            .map_err(|refused| Error::internal("an active run refused to end", refused))?;
    }
    tables.change_runs(changes).await
}

/// Deletes terminal runs.
pub(super) struct Prune {
    pub(super) before: DateTime<Utc>,
    pub(super) limit: usize,
}

#[async_trait]
impl Single for Prune {
    type Output = usize;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<usize>> {
        tables.prune(self.before, self.limit).await.map(Ok)
    }
}

/// How many lines one transaction deletes at most, but for its last run's: a run may have printed thousands, and nobody else writes
/// meanwhile.
const LINES: u64 = 10_000;

/// Deletes lines of terminal runs.
pub(super) struct PruneLogs {
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) before: DateTime<Utc>,
    pub(super) limit: usize,
}

#[async_trait]
impl Single for PruneLogs {
    type Output = LogsPruned;

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<LogsPruned>> {
        let found = tables.unpruned(self.since, self.before, self.limit).await?;
        let mut ids: Vec<RunId> = found.iter().map(|(id, _)| *id).collect();
        let printed = tables.last_lines(&ids).await?;
        let mut lines = 0;
        let full = ids.iter().position(|id| {
            lines += printed.get(id).copied().unwrap_or_default();
            lines >= LINES
        });
        ids.truncate(full.map_or(self.limit, |place| place + 1));
        tables.delete_logs(&ids).await?;
        let is_last = ids.len() == found.len() && found.len() < self.limit;
        let next = ids.len().checked_sub(1).filter(|_| !is_last).map(|last| found[last].1);
        Ok(Ok(LogsPruned { runs: ids.len(), next }))
    }
}

/// Says whether the store can be written now.
pub(super) struct Touch;

#[async_trait]
impl Single for Touch {
    type Output = ();

    async fn carry_out(&self, tables: &mut dyn Tables) -> Result<Result<()>> {
        tables.touch().await.map(Ok)
    }
}
