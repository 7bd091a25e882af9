//! The queue: which runs may be claimed, and which of them a claim takes.
//!
//! Whoever claims holds the claims' lock ([`lock`]), so that what runs is counted by one at a time and limits hold across
//! servers.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use wren_core::store::kit::Picked;
use wren_core::store::{Candidate, ClaimLimits, pick_fairly};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::options::LOCK_TIMEOUT;
use crate::rows::{Columns, instant, micros, number};

/// Waits until nobody else claims; until the end of the transaction nobody else will. Not for long: what is claimed after a
/// long wait would be claimed for a worker that has given up waiting, and lie until its lease has ended.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<()> {
    // The columns are evaluated from the left.
    sqlx::query(
        "SELECT set_config('lock_timeout', '1s', true), \
         pg_advisory_xact_lock(hashtextextended(current_schema() || ' claims', 0)), \
         set_config('lock_timeout', $1, true)",
    )
    .bind(LOCK_TIMEOUT)
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

/// One look at the queue, so that the server is asked once: how much runs, by owner and deployment (0); the oldest runs over
/// all owners that may be claimed (1); when the first of those that are not due yet becomes so (2).
const LOOK: &str = concat!(
    "SELECT 0 AS what, owner, deployment_id, count(*) AS number, NULL::bigint AS not_before, NULL::bigint AS scheduled_for, \
     NULL::uuid AS id FROM runs WHERE state = 'running' GROUP BY owner, deployment_id UNION ALL \
     (SELECT 1, q.owner, q.deployment_id, 0, q.not_before, q.scheduled_for, q.id FROM runs q \
     WHERE q.state = 'queued' AND q.not_before <= $1 AND ",
    ready!(),
    " AND ",
    has_room!(),
    " ORDER BY q.not_before, q.scheduled_for, q.id LIMIT $4) UNION ALL \
     (SELECT 2, NULL, NULL, 0, q.not_before, NULL, NULL FROM runs q \
     WHERE q.state = 'queued' AND q.not_before > $1 AND ",
    ready!(),
    " ORDER BY q.not_before LIMIT 1)"
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

/// Picks runs that a claim takes. It does not lock them: one that is being cancelled meanwhile is left out when the claim reads
/// it.
pub(crate) async fn pick(connection: &mut PgConnection, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
    // Most queues are short, or long with many owners whose turn it is: then the oldest over all owners say it all.
    let enough = limits.batch.saturating_mul(2).saturating_add(8);
    let Look { load, oldest, next_at } = Look::at(connection, now, limits, enough).await?;
    let all_seen = oldest.len() < enough;
    let owners: HashMap<RunId, OwnerId> =
        oldest.iter().map(|candidate| (candidate.key, candidate.owner.clone())).collect();
    let ids = load.pick(oldest, limits);
    let picked_owners = ids.iter().filter_map(|id| owners.get(id));
    if all_seen || (ids.len() == limits.batch && load.all_idle_and_different(picked_owners)) {
        return Ok(Picked { ids, next_at, look_again: false });
    }
    // A long queue of few owners hides the others.
    let candidates = oldest_of_each(connection, now, limits).await?;
    let ids = load.pick(candidates, limits);
    let look_again = !ids.is_empty() && ids.len() < limits.batch;
    Ok(Picked { ids, next_at, look_again })
}

/// What one look at the queue found.
struct Look {
    load: Load,
    oldest: Vec<Candidate<RunId>>,
    next_at: Option<DateTime<Utc>>,
}

impl Look {
    async fn at(connection: &mut PgConnection, now: DateTime<Utc>, limits: ClaimLimits, count: usize) -> Result<Self> {
        let rows = ask(connection, LOOK, now, limits, count).await?;
        let mut look = Self { load: Load::default(), oldest: Vec::new(), next_at: None };
        let mut oldest = Vec::new();
        for row in &rows {
            let mut columns = Columns::new(row);
            let what: i32 = columns.take()?;
            if what == 2 {
                let not_before: Option<i64> = row.try_get("not_before").or_store_error()?;
                look.next_at = not_before.map(instant).transpose()?;
                continue;
            }
            let (owner, deployment) = (columns.name("owner")?, DeploymentId::from_uuid(columns.uuid()?));
            let count: usize = columns.number("count")?;
            if what == 0 {
                look.load.add(owner, deployment, count);
                continue;
            }
            let age: (i64, i64) = (columns.take()?, columns.take()?);
            oldest.push((age, Candidate { key: RunId::from_uuid(columns.uuid()?), owner, deployment }));
        }
        // A union promises no order.
        oldest.sort_unstable_by_key(|((not_before, scheduled_for), run)| (*not_before, *scheduled_for, run.key));
        look.oldest = oldest.into_iter().map(|(_, candidate)| candidate).collect();
        Ok(look)
    }
}

/// What runs at the moment.
#[derive(Default)]
struct Load {
    by_owner: HashMap<OwnerId, usize>,
    by_deployment: HashMap<DeploymentId, usize>,
}

impl Load {
    fn add(&mut self, owner: OwnerId, deployment: DeploymentId, count: usize) {
        *self.by_owner.entry(owner).or_default() += count;
        *self.by_deployment.entry(deployment).or_default() += count;
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

async fn oldest_of_each(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limits: ClaimLimits,
) -> Result<Vec<Candidate<RunId>>> {
    let rows = ask(connection, OLDEST_OF_EACH, now, limits, limits.batch).await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok(Candidate {
                key: RunId::from_uuid(columns.uuid()?),
                owner: columns.name("owner")?,
                deployment: DeploymentId::from_uuid(columns.uuid()?),
            })
        })
        .collect()
}

async fn ask(
    connection: &mut PgConnection,
    text: &'static str,
    now: DateTime<Utc>,
    limits: ClaimLimits,
    count: usize,
) -> Result<Vec<PgRow>> {
    sqlx::query(text)
        .bind(micros(now))
        .bind(number(limits.per_owner))
        .bind(number(limits.per_deployment))
        .bind(number(count))
        .fetch_all(connection)
        .await
        .or_store_error()
}
