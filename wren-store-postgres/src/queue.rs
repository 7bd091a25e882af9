//! The queue: which runs may be claimed, and which of them a claim takes.
//!
//! Whoever claims holds the claims' lock ([`lock`]), so that what runs is counted by one at a time and limits hold across
//! servers.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use wren_core::store::kit::Picked;
use wren_core::store::{Candidate, ClaimLimits, pick_fairly};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, micros, number};
use crate::runs;

/// Waits until nobody else claims; until the end of the transaction nobody else will.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' claims', 0))")
        .execute(connection)
        .await
        .or_store_error()?;
    Ok(())
}

/// What lets a queued run be claimed besides its time and the limits: its deployment is active unless it is manual, and no
/// earlier run of its trigger is queued or running if it has to wait for those.
macro_rules! ready {
    () => {
        "(q.trigger_id IS NULL OR EXISTS \
           (SELECT 1 FROM deployments d WHERE d.id = q.deployment_id AND d.status = 'active')) \
         AND (NOT q.serial OR NOT EXISTS \
           (SELECT 1 FROM runs e WHERE e.deployment_id = q.deployment_id AND e.trigger_id = q.trigger_id \
            AND e.completed_at IS NULL AND (e.scheduled_for, e.id) < (q.scheduled_for, q.id)))"
    };
}

/// Who runs as much as they may, found in the statement itself.
macro_rules! has_room {
    () => {
        "q.owner NOT IN (SELECT owner FROM runs WHERE state = 'running' GROUP BY owner HAVING count(*) >= $2) \
         AND q.deployment_id NOT IN \
           (SELECT deployment_id FROM runs WHERE state = 'running' GROUP BY deployment_id HAVING count(*) >= $3)"
    };
}

/// How much runs, by owner and deployment.
const RUNNING: &str =
    "SELECT owner, deployment_id, count(*) FROM runs WHERE state = 'running' GROUP BY owner, deployment_id";

/// The oldest runs over all owners that may be claimed.
const OLDEST: &str = concat!(
    "SELECT q.id, q.owner, q.deployment_id FROM runs q WHERE q.state = 'queued' AND q.not_before <= $1 AND ",
    ready!(),
    " AND ",
    has_room!(),
    " ORDER BY q.not_before, q.scheduled_for, q.id LIMIT $4"
);

/// The first run that becomes due.
const NEXT: &str = concat!(
    "SELECT q.not_before FROM runs q WHERE q.state = 'queued' AND q.not_before > $1 AND ",
    ready!(),
    " ORDER BY q.not_before LIMIT 1"
);

/// The oldest few of each owner, as many of each as fill the batch together. Steps from one owner to the next through the
/// index, whatever the length of their queues.
const OLDEST_OF_EACH: &str = concat!(
    "WITH RECURSIVE step (owner) AS ( \
     (SELECT min(owner) FROM runs WHERE state = 'queued') \
     UNION ALL \
     SELECT (SELECT min(owner) FROM runs WHERE state = 'queued' AND owner > step.owner) \
     FROM step WHERE step.owner IS NOT NULL), \
     owners (owner) AS MATERIALIZED (SELECT owner FROM step WHERE owner IS NOT NULL) \
     SELECT f.id, f.owner, f.deployment_id FROM owners o CROSS JOIN LATERAL ( \
     SELECT q.id, q.owner, q.deployment_id, q.not_before, q.scheduled_for FROM runs q \
     WHERE q.owner = o.owner AND q.state = 'queued' AND q.not_before <= $1 AND ",
    ready!(),
    " AND ",
    has_room!(),
    " ORDER BY q.not_before, q.scheduled_for, q.id LIMIT 1 + $4 / (SELECT count(*) FROM owners)) f \
     ORDER BY f.not_before, f.scheduled_for, f.id"
);

/// Picks runs that a claim takes, and locks them; one that somebody else has locked is being cancelled, and left out.
pub(crate) async fn pick(connection: &mut PgConnection, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
    let load = Load::read(connection).await?;
    // Most queues are short, or long with many owners whose turn it is: then the oldest over all owners say it all.
    let enough = limits.batch.saturating_mul(2).saturating_add(8);
    let oldest = candidates(connection, OLDEST, now, limits, enough).await?;
    let next = sqlx::query(NEXT).bind(micros(now)).fetch_optional(&mut *connection).await.or_store_error()?;
    let next_at = next.map(|row| Columns::new(&row).instant()).transpose()?;
    let all_seen = oldest.len() < enough;
    let owners: HashMap<RunId, OwnerId> =
        oldest.iter().map(|candidate| (candidate.key, candidate.owner.clone())).collect();
    let ids = load.pick(oldest, limits);
    let picked_owners = ids.iter().filter_map(|id| owners.get(id));
    if all_seen || (ids.len() == limits.batch && load.all_idle_and_different(picked_owners)) {
        return Ok(Picked { ids: free(connection, ids).await?, next_at, look_again: false });
    }
    // A long queue of few owners hides the others.
    let candidates = candidates(connection, OLDEST_OF_EACH, now, limits, limits.batch).await?;
    let ids = free(connection, load.pick(candidates, limits)).await?;
    let look_again = !ids.is_empty() && ids.len() < limits.batch;
    Ok(Picked { ids, next_at, look_again })
}

/// Locks those of the runs that nobody else has locked, and returns them in the order given.
async fn free(connection: &mut PgConnection, ids: Vec<RunId>) -> Result<Vec<RunId>> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let rows =
        sqlx::query("SELECT id FROM runs WHERE id = ANY($1) AND state = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED")
            .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
            .fetch_all(connection)
            .await
            .or_store_error()?;
    let locked: HashSet<RunId> = rows.iter().map(runs::id).collect::<Result<_>>()?;
    Ok(ids.into_iter().filter(|id| locked.contains(id)).collect())
}

/// What runs at the moment.
#[derive(Default)]
struct Load {
    by_owner: HashMap<OwnerId, usize>,
    by_deployment: HashMap<DeploymentId, usize>,
}

impl Load {
    async fn read(connection: &mut PgConnection) -> Result<Self> {
        let mut load = Self::default();
        for row in sqlx::query(RUNNING).fetch_all(connection).await.or_store_error()? {
            let mut columns = Columns::new(&row);
            let owner = columns.name("owner")?;
            let deployment = DeploymentId::from_uuid(columns.uuid()?);
            let count: usize = columns.number("count")?;
            *load.by_owner.entry(owner).or_default() += count;
            *load.by_deployment.entry(deployment).or_default() += count;
        }
        Ok(load)
    }

    fn pick(&self, candidates: Vec<Candidate<RunId>>, limits: ClaimLimits) -> Vec<RunId> {
        pick_fairly(candidates, &self.by_owner, &self.by_deployment, limits)
    }

    /// Says whether the owners, those of runs taken oldest first, are all different and had nothing running: then no
    /// owner that was not looked at comes before one of them.
    fn all_idle_and_different<'a>(&self, owners: impl Iterator<Item = &'a OwnerId>) -> bool {
        let mut seen = HashSet::new();
        owners.into_iter().all(|owner| !self.by_owner.contains_key(owner) && seen.insert(owner))
    }
}

async fn candidates(
    connection: &mut PgConnection,
    text: &'static str,
    now: DateTime<Utc>,
    limits: ClaimLimits,
    count: usize,
) -> Result<Vec<Candidate<RunId>>> {
    let rows = sqlx::query(text)
        .bind(micros(now))
        .bind(number(limits.per_owner))
        .bind(number(limits.per_deployment))
        .bind(number(count))
        .fetch_all(connection)
        .await
        .or_store_error()?;
    rows.iter().map(candidate).collect()
}

fn candidate(row: &PgRow) -> Result<Candidate<RunId>> {
    let mut columns = Columns::new(row);
    Ok(Candidate {
        key: RunId::from_uuid(columns.uuid()?),
        owner: columns.name("owner")?,
        deployment: DeploymentId::from_uuid(columns.uuid()?),
    })
}
