//! The queue: which runs may be claimed, and which of them a claim takes.
//!
//! Whoever claims holds the claims' lock ([`lock`]), so that what runs is counted by one at a time and limits hold across
//! servers.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;
use wren_core::store::kit::Picked;
use wren_core::store::{Candidate, ClaimLimits, pick_fairly};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::options::LOCK_TIMEOUT;
use crate::rows::{Columns, instant, micros, name, number};

/// Waits until nobody else claims; until the end of the transaction nobody else will. Not for long: what is claimed after a
/// long wait would be claimed for a worker that has given up waiting, and lie until its lease has ended.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<()> {
    // The columns are evaluated from the left. What a claim wants stands first in an index; a planner whose statistics are
    // older than the queue would collect and sort all of it.
    sqlx::query(
        "SELECT set_config('lock_timeout', '1s', true), \
         pg_advisory_xact_lock(hashtextextended(current_schema() || ' claims', 0)), \
         set_config('lock_timeout', $1, true), set_config('enable_bitmapscan', 'off', true)",
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
           (SELECT 1 FROM progress e WHERE e.deployment_id = q.deployment_id AND e.trigger_id = q.trigger_id \
            AND e.completed_at IS NULL AND (e.scheduled_for, e.run_id) < (q.scheduled_for, q.run_id)))"
    };
}

/// How much runs, by owner and deployment; read once, since what has just ended still lies about in the index.
macro_rules! running {
    () => {
        "running (owner, deployment_id, number) AS MATERIALIZED \
         (SELECT owner, deployment_id, count(*) FROM progress WHERE state = 'running' GROUP BY owner, deployment_id)"
    };
}

/// Who runs less than they may.
macro_rules! has_room {
    () => {
        "q.owner NOT IN (SELECT owner FROM running GROUP BY owner HAVING sum(number) >= $2) \
         AND q.deployment_id NOT IN (SELECT deployment_id FROM running WHERE number >= $3)"
    };
}

/// Whose runs are queued, at most `$5` owners. Steps from one to the next through the index, whatever the length of their
/// queues.
macro_rules! owners {
    () => {
        "step (owner, number) AS ( \
         (SELECT min(owner), 1 FROM progress WHERE state = 'queued') UNION ALL \
         SELECT (SELECT min(owner) FROM progress WHERE state = 'queued' AND owner > step.owner), number + 1 \
         FROM step WHERE step.owner IS NOT NULL AND number < $5), \
         owners (owner) AS MATERIALIZED (SELECT owner FROM step WHERE owner IS NOT NULL)"
    };
}

/// Which runs of the queue may be claimed.
macro_rules! due {
    () => {
        concat!("q.state = 'queued' AND q.not_before <= $1 AND ", ready!(), " AND ", has_room!())
    };
}

/// The oldest few of each owner, as many of each as fill a batch of `$4` together, and one more.
macro_rules! oldest_of_each {
    () => {
        concat!(
            "FROM owners o CROSS JOIN LATERAL ( \
             SELECT q.run_id, q.owner, q.deployment_id, q.not_before, q.scheduled_for FROM progress q \
             WHERE q.owner = o.owner AND ",
            due!(),
            " ORDER BY q.not_before, q.scheduled_for, q.run_id LIMIT 1 + $4 / (SELECT count(*) FROM owners)) f"
        )
    };
}

/// How many owners a look at the queue goes into.
const FEW_OWNERS: usize = 128;

/// One look at the queue, so that the server is asked once: how much runs, by owner and deployment (0); the oldest few of each
/// of the first [`FEW_OWNERS`] owners (1); when the first of those that are not due yet becomes so (2); the owners (3).
const LOOK: &str = concat!(
    "WITH RECURSIVE ",
    running!(),
    ", ",
    owners!(),
    " SELECT 0 AS what, owner, deployment_id, number, NULL::bigint AS not_before, NULL::bigint AS scheduled_for, \
     NULL::uuid AS run_id FROM running UNION ALL \
     SELECT 1, f.owner, f.deployment_id, 0, f.not_before, f.scheduled_for, f.run_id ",
    oldest_of_each!(),
    " UNION ALL \
     (SELECT 2, NULL, NULL, 0, q.not_before, NULL, NULL FROM progress q \
     WHERE q.state = 'queued' AND q.not_before > $1 AND ",
    ready!(),
    " ORDER BY q.not_before LIMIT 1) UNION ALL \
     SELECT 3, owner, NULL, 0, NULL, NULL, NULL FROM owners"
);

/// The oldest over all owners.
const OLDEST: &str = concat!(
    "WITH ",
    running!(),
    " SELECT q.run_id, q.owner, q.deployment_id FROM progress q WHERE ",
    due!(),
    " ORDER BY q.not_before, q.scheduled_for, q.run_id LIMIT $4"
);

const OLDEST_OF_EACH: &str = concat!(
    "WITH RECURSIVE ",
    running!(),
    ", ",
    owners!(),
    " SELECT f.run_id, f.owner, f.deployment_id ",
    oldest_of_each!(),
    " ORDER BY f.not_before, f.scheduled_for, f.run_id"
);

/// Picks runs that a claim takes. It does not lock them: one that is being cancelled meanwhile is left out when the claim reads
/// it.
pub(crate) async fn pick(connection: &mut PgConnection, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
    let Look { load, candidates, owners, next_at } = Look::at(connection, now, limits).await?;
    if owners < FEW_OWNERS {
        // Of an owner of whom less was found than looked for nothing is hidden.
        let looked_for = 1 + limits.batch / owners.max(1);
        let some_hidden = counted(&candidates).values().any(|found| *found >= looked_for);
        let ids = load.pick(candidates, limits);
        let look_again = some_hidden && !ids.is_empty() && ids.len() < limits.batch;
        return Ok(Picked { ids, next_at, look_again });
    }
    // With many owners whose turn it is the oldest over all of them say it all.
    let oldest = candidates_of(ask(OLDEST, now, limits), connection).await?;
    let owners: HashMap<RunId, OwnerId> =
        oldest.iter().map(|candidate| (candidate.key, candidate.owner.clone())).collect();
    let ids = load.pick(oldest, limits);
    if ids.len() == limits.batch && load.all_idle_and_different(ids.iter().filter_map(|id| owners.get(id))) {
        return Ok(Picked { ids, next_at, look_again: false });
    }
    // A long queue of few owners hides the others.
    let candidates = candidates_of(ask(OLDEST_OF_EACH, now, limits).bind(i64::MAX), connection).await?;
    let ids = load.pick(candidates, limits);
    let look_again = !ids.is_empty() && ids.len() < limits.batch;
    Ok(Picked { ids, next_at, look_again })
}

fn counted(candidates: &[Candidate<RunId>]) -> HashMap<&OwnerId, usize> {
    let mut counts = HashMap::new();
    for candidate in candidates {
        *counts.entry(&candidate.owner).or_default() += 1;
    }
    counts
}

/// What one look at the queue found.
struct Look {
    load: Load,
    candidates: Vec<Candidate<RunId>>,
    /// How many owners it went into.
    owners: usize,
    next_at: Option<DateTime<Utc>>,
}

impl Look {
    async fn at(connection: &mut PgConnection, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Self> {
        let statement = ask(LOOK, now, limits).bind(number(FEW_OWNERS));
        let rows = statement.fetch_all(connection).await.or_store_error()?;
        let mut look = Self { load: Load::default(), candidates: Vec::new(), owners: 0, next_at: None };
        let mut candidates = Vec::new();
        for row in &rows {
            let mut columns = Columns::new(row);
            let (what, owner, deployment): (i32, Option<&str>, Option<Uuid>) =
                (columns.take()?, columns.take()?, columns.take()?);
            let count: usize = columns.number("count")?;
            let (not_before, scheduled_for): (Option<i64>, Option<i64>) = (columns.take()?, columns.take()?);
            let owner: Option<OwnerId> = owner.map(|owner| name("owner", owner)).transpose()?;
            match (owner, deployment.map(DeploymentId::from_uuid)) {
                (None, _) => look.next_at = not_before.map(instant).transpose()?,
                (Some(_), None) => look.owners += 1,
                (Some(owner), Some(deployment)) if what == 0 => look.load.add(owner, deployment, count),
                (Some(owner), Some(deployment)) => {
                    let key = RunId::from_uuid(columns.uuid()?);
                    candidates.push(((not_before, scheduled_for, key), Candidate { key, owner, deployment }));
                }
            }
        }
        // A union promises no order.
        candidates.sort_unstable_by_key(|(age, _)| *age);
        look.candidates = candidates.into_iter().map(|(_, candidate)| candidate).collect();
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

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds what each look at the queue is told.
fn ask<'q>(text: &'static str, now: DateTime<Utc>, limits: ClaimLimits) -> Statement<'q> {
    sqlx::query(text)
        .bind(micros(now))
        .bind(number(limits.per_owner))
        .bind(number(limits.per_deployment))
        .bind(number(limits.batch))
}

async fn candidates_of(statement: Statement<'_>, connection: &mut PgConnection) -> Result<Vec<Candidate<RunId>>> {
    let rows = statement.fetch_all(connection).await.or_store_error()?;
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
