//! The queue: which runs may be claimed, and which of them a claim takes.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wren_core::store::{Candidate, ClaimLimits, pick_fairly};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, instant, json, micros, name};

/// What lets a queued run be claimed besides its time and the limits: its deployment is active unless it is manual, and no
/// earlier run of its trigger is queued or running if it has to wait for those.
macro_rules! ready {
    () => {
        "(q.trigger_id IS NULL OR EXISTS \
           (SELECT 1 FROM deployments d WHERE d.id = q.deployment_id AND d.status = 'active')) \
         AND (q.serial = 0 OR NOT EXISTS \
           (SELECT 1 FROM runs e WHERE e.deployment_id = q.deployment_id AND e.trigger_id = q.trigger_id \
            AND e.completed_at IS NULL AND (e.scheduled_for, e.id) < (q.scheduled_for, q.id)))"
    };
}

/// What leaves out those whose owner or deployment already runs as much as it may: two lists in JSON.
macro_rules! has_room {
    ($owners:literal, $deployments:literal) => {
        concat!(
            "q.owner NOT IN (SELECT value FROM json_each(",
            $owners,
            ")) AND q.deployment_id NOT IN (SELECT unhex(value) FROM json_each(",
            $deployments,
            "))"
        )
    };
}

/// The oldest runs over all owners.
pub(super) const OLDEST: &str = concat!(
    "SELECT q.id, q.owner, q.deployment_id FROM runs q INDEXED BY runs_queued \
     WHERE q.state = 'queued' AND q.not_before <= ?1 AND ",
    ready!(),
    " AND ",
    has_room!("?2", "?3"),
    " ORDER BY q.not_before, q.scheduled_for, q.id LIMIT ?4"
);

/// The owners that have a queued run: steps from one to the next through the index, whatever the length of their queues.
pub(super) const OWNERS: &str = "WITH RECURSIVE next (owner) AS ( \
     SELECT (SELECT min(owner) FROM runs INDEXED BY runs_queued_of_owner WHERE state = 'queued') \
     UNION ALL \
     SELECT (SELECT min(owner) FROM runs INDEXED BY runs_queued_of_owner \
             WHERE state = 'queued' AND owner > next.owner) FROM next WHERE next.owner IS NOT NULL) \
     SELECT owner FROM next WHERE owner IS NOT NULL";

/// The oldest few of each of the owners.
pub(super) const OLDEST_OF_EACH: &str = concat!(
    "SELECT r.id, r.owner, r.deployment_id FROM json_each(?4) o CROSS JOIN runs r ON r.rowid IN ( \
     SELECT q.rowid FROM runs q INDEXED BY runs_queued_of_owner \
     WHERE q.owner = o.value AND q.state = 'queued' AND q.not_before <= ?1 AND ",
    ready!(),
    " AND ",
    has_room!("?2", "?3"),
    " ORDER BY q.not_before, q.scheduled_for, q.id LIMIT ?5) \
     ORDER BY r.not_before, r.scheduled_for, r.id"
);

/// The first run that becomes due.
pub(super) const NEXT: &str = concat!(
    "SELECT q.not_before FROM runs q INDEXED BY runs_queued WHERE q.state = 'queued' AND q.not_before > ? AND ",
    ready!(),
    " ORDER BY q.not_before LIMIT 1"
);

/// How much runs, by owner and deployment.
pub(super) const RUNNING: &str =
    "SELECT owner, deployment_id, count(*) FROM runs INDEXED BY runs_running WHERE state = 'running' \
     GROUP BY owner, deployment_id";

/// What one look at the queue found.
pub(super) struct Picked {
    pub(super) ids: Vec<RunId>,
    /// Whether another look, once these are claimed, may find more within the limits.
    pub(super) look_again: bool,
}

/// Picks runs that a claim takes.
pub(super) async fn pick(
    connection: &mut SqliteConnection,
    now: DateTime<Utc>,
    limits: ClaimLimits,
) -> Result<Picked> {
    let load = Load::read(connection).await?;
    let look = Look { now, full: load.full(limits)? };
    // Most queues are short, or long with many owners whose turn it is: then the oldest over all owners say it all.
    let enough = limits.batch.saturating_mul(2).saturating_add(8);
    let oldest = look.oldest(connection, enough).await?;
    let all_seen = oldest.len() < enough;
    let owners_of: HashMap<RunId, OwnerId> =
        oldest.iter().map(|candidate| (candidate.key, candidate.owner.clone())).collect();
    let ids = pick_fairly(oldest, &load.by_owner, &load.by_deployment, limits);
    if all_seen || (ids.len() == limits.batch && load.all_idle_and_different(ids.iter().filter_map(|id| owners_of.get(id)))) {
        return Ok(Picked { ids, look_again: false });
    }
    // A long queue of few owners hides the others: ask for each owner's oldest.
    let owners = owners(connection).await?;
    if owners.is_empty() {
        return Ok(Picked { ids: Vec::new(), look_again: false });
    }
    let each = limits.batch.div_ceil(owners.len());
    let candidates = look.oldest_of_each(connection, each, &owners).await?;
    let ids = pick_fairly(candidates, &load.by_owner, &load.by_deployment, limits);
    let look_again = !ids.is_empty() && ids.len() < limits.batch;
    Ok(Picked { ids, look_again })
}

/// Returns when the first of the queued runs that may not be claimed yet may be.
pub(super) async fn next_at(connection: &mut SqliteConnection, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let row = sqlx::query(NEXT).bind(micros(now)).fetch_optional(connection).await.or_store_error()?;
    row.map(|row| instant(row.try_get(0).or_store_error()?)).transpose()
}

/// What runs at the moment.
struct Load {
    by_owner: HashMap<OwnerId, usize>,
    by_deployment: HashMap<DeploymentId, usize>,
}

impl Load {
    async fn read(connection: &mut SqliteConnection) -> Result<Self> {
        let rows = sqlx::query(RUNNING).fetch_all(connection).await.or_store_error()?;
        let mut load = Self { by_owner: HashMap::new(), by_deployment: HashMap::with_capacity(rows.len()) };
        for row in &rows {
            let mut columns = Columns::new(row);
            let owner = name("owner", columns.text()?)?;
            let deployment = DeploymentId::from_uuid(columns.uuid()?);
            let count: usize = columns.number("count")?;
            *load.by_owner.entry(owner).or_default() += count;
            *load.by_deployment.entry(deployment).or_default() += count;
        }
        Ok(load)
    }

    fn full(&self, limits: ClaimLimits) -> Result<Full> {
        let owners: Vec<&OwnerId> =
            self.by_owner.iter().filter(|(_, count)| **count >= limits.per_owner).map(|(owner, _)| owner).collect();
        let deployments: Vec<String> = self
            .by_deployment
            .iter()
            .filter(|(_, count)| **count >= limits.per_deployment)
            .map(|(id, _)| id.uuid().simple().to_string())
            .collect();
        Ok(Full { owners: json(&owners)?, deployments: json(&deployments)? })
    }

    /// Says whether the owners, those of runs taken oldest first, are all different and had nothing running: then no
    /// owner that was not looked at comes before one of them.
    fn all_idle_and_different<'a>(&self, owners: impl Iterator<Item = &'a OwnerId>) -> bool {
        let mut seen = HashSet::new();
        owners.into_iter().all(|owner| !self.by_owner.contains_key(owner) && seen.insert(owner))
    }
}

/// The owners and deployments that run as much as they may, in JSON.
struct Full {
    owners: String,
    deployments: String,
}

/// A look at the queue.
struct Look {
    now: DateTime<Utc>,
    full: Full,
}

impl Look {
    async fn oldest(&self, connection: &mut SqliteConnection, limit: usize) -> Result<Vec<Candidate<RunId>>> {
        let rows = sqlx::query(OLDEST)
            .bind(micros(self.now))
            .bind(self.full.owners.clone())
            .bind(self.full.deployments.clone())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(connection)
            .await
            .or_store_error()?;
        rows.iter().map(candidate).collect()
    }

    async fn oldest_of_each(
        &self,
        connection: &mut SqliteConnection,
        each: usize,
        owners: &[String],
    ) -> Result<Vec<Candidate<RunId>>> {
        let rows = sqlx::query(OLDEST_OF_EACH)
            .bind(micros(self.now))
            .bind(self.full.owners.clone())
            .bind(self.full.deployments.clone())
            .bind(json(&owners)?)
            .bind(i64::try_from(each).unwrap_or(i64::MAX))
            .fetch_all(connection)
            .await
            .or_store_error()?;
        rows.iter().map(candidate).collect()
    }
}

async fn owners(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let rows = sqlx::query(OWNERS).fetch_all(connection).await.or_store_error()?;
    rows.iter().map(|row| row.try_get(0).or_store_error()).collect()
}

fn candidate(row: &SqliteRow) -> Result<Candidate<RunId>> {
    let mut columns = Columns::new(row);
    Ok(Candidate {
        key: RunId::from_uuid(columns.uuid()?),
        owner: name("owner", columns.text()?)?,
        deployment: DeploymentId::from_uuid(columns.uuid()?),
    })
}
