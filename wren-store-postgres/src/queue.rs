//! The queue: which runs may be claimed, and which of them a claim takes.
//!
//! Whoever claims holds the claims' lock ([`lock`]), so that what runs is counted by one at a time and limits hold across
//! servers.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;
use wren_core::store::kit::{Picked, unreadable};
use wren_core::store::{Candidate, ClaimLimits, pick_fairly};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::options::LOCK_TIMEOUT;
use crate::rows::{Columns, Statement, instant, micros, name, number};

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

/// Whose runs are queued, at most `$5` owners (`step`), and who of them runs less than they may (`owners`). Steps from one owner
/// to the next through the index, whatever the length of their queues.
macro_rules! owners {
    () => {
        "step (owner, number) AS ( \
         (SELECT min(owner), 1 FROM progress WHERE state = 'queued') UNION ALL \
         SELECT (SELECT min(owner) FROM progress WHERE state = 'queued' AND owner > step.owner), number + 1 \
         FROM step WHERE step.owner IS NOT NULL AND number < $5), \
         owners (owner) AS MATERIALIZED (SELECT owner FROM step WHERE owner IS NOT NULL AND owner NOT IN \
         (SELECT owner FROM running GROUP BY owner HAVING sum(number) >= $2))"
    };
}

/// Which runs of the queue may be claimed, of an owner who runs less than they may.
macro_rules! due {
    () => {
        concat!(
            "q.state = 'queued' AND q.not_before <= $1 AND ",
            ready!(),
            " AND q.deployment_id NOT IN (SELECT deployment_id FROM running WHERE number >= $3)"
        )
    };
}

/// How many owners a look at the queue goes into at first.
const FEW_OWNERS: usize = 128;

/// One look at the queue, so that the server is asked once: how much runs, by owner and deployment (0); the oldest few of each
/// owner (1); when the first of those that are not due yet becomes so (2); how many owners there are (3), and how many have
/// room (4).
///
/// Of each owner as many as fill a batch of `$4` together, and one more; at least `$6`. Of nobody when there are as many owners
/// as were asked for, since there may be more then.
const LOOK: &str = concat!(
    "WITH RECURSIVE ",
    running!(),
    ", ",
    owners!(),
    " SELECT 0 AS what, owner, deployment_id, number, NULL::bigint AS not_before, NULL::bigint AS scheduled_for, \
     NULL::uuid AS run_id FROM running UNION ALL \
     SELECT 1, f.owner, f.deployment_id, 0, f.not_before, f.scheduled_for, f.run_id FROM owners o CROSS JOIN LATERAL ( \
     SELECT q.run_id, q.owner, q.deployment_id, q.not_before, q.scheduled_for FROM progress q WHERE q.owner = o.owner AND ",
    due!(),
    " ORDER BY q.not_before, q.scheduled_for, q.run_id \
     LIMIT CASE WHEN (SELECT count(owner) FROM step) >= $5 THEN 0 \
     ELSE greatest(1 + $4 / (SELECT count(*) FROM owners), $6) END) f UNION ALL \
     (SELECT 2, NULL, NULL, 0, q.not_before, NULL, NULL FROM progress q \
     WHERE q.state = 'queued' AND q.not_before > $1 AND ",
    ready!(),
    " ORDER BY q.not_before LIMIT 1) UNION ALL \
     SELECT 3, NULL, NULL, count(owner), NULL, NULL, NULL FROM step UNION ALL \
     SELECT 4, NULL, NULL, count(*), NULL, NULL, NULL FROM owners"
);

/// The oldest over all owners.
const OLDEST: &str = concat!(
    "WITH ",
    running!(),
    " SELECT q.run_id, q.owner, q.deployment_id FROM progress q WHERE ",
    due!(),
    " AND q.owner NOT IN (SELECT owner FROM running GROUP BY owner HAVING sum(number) >= $2) \
     ORDER BY q.not_before, q.scheduled_for, q.run_id LIMIT $4"
);

/// Picks runs that a claim takes. It does not lock them: one that is being cancelled meanwhile is left out when the claim reads
/// it.
pub(crate) async fn pick(connection: &mut PgConnection, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
    let (mut owners, mut least) = (FEW_OWNERS, 0);
    loop {
        let look = Look::at(connection, now, limits, owners, least).await?;
        let next_at = look.next_at;
        if look.owners >= owners {
            // With many owners whose turn it is the oldest over all of them say it all.
            if let Some(ids) = oldest_of_all(connection, now, limits, &look.load).await? {
                return Ok(Picked { ids, next_at, look_again: false });
            }
            owners = usize::MAX;
            continue;
        }
        let looked_for = (1 + limits.batch / look.with_room.max(1)).max(least);
        let found = counted(look.candidates.iter().map(|candidate| &candidate.owner));
        // Of an owner of whom less was found than looked for nothing is hidden. Where one deployment has filled its share, the
        // turn of its owner's others may come with a later claim.
        let cut: Vec<OwnerId> =
            found.into_iter().filter(|(_, found)| *found >= looked_for).map(|(owner, _)| owner.clone()).collect();
        let owner_of: HashMap<RunId, OwnerId> =
            look.candidates.iter().map(|candidate| (candidate.key, candidate.owner.clone())).collect();
        let ids = look.load.pick(look.candidates, limits);
        let taken = counted(ids.iter().filter_map(|id| owner_of.get(id)));
        let hides_more = |owner: &OwnerId| {
            let running = look.load.by_owner.get(owner).copied().unwrap_or(0);
            running + taken.get(owner).copied().unwrap_or(0) < limits.per_owner
        };
        let wants_more = ids.len() < limits.batch && cut.iter().any(hides_more);
        if wants_more && looked_for < limits.batch {
            // Others wait for their time or for an earlier run, and leave their part of the batch to those.
            least = looked_for.saturating_mul(8).min(limits.batch);
            continue;
        }
        let look_again = wants_more && !ids.is_empty();
        return Ok(Picked { ids, next_at, look_again });
    }
}

/// Picks the oldest runs over all owners, if that is fair: a batch of as many different owners, none of whom runs anything.
async fn oldest_of_all(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limits: ClaimLimits,
    load: &Load,
) -> Result<Option<Vec<RunId>>> {
    let rows = ask(OLDEST, now, limits).fetch_all(connection).await.or_store_error()?;
    let mut oldest = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::new(row);
        let key = RunId::from_uuid(columns.uuid()?);
        let (owner, deployment) = (columns.name("owner")?, DeploymentId::from_uuid(columns.uuid()?));
        oldest.push(Candidate { key, owner, deployment });
    }
    let mut seen = HashSet::new();
    let is_fair = oldest.len() == limits.batch
        && oldest.iter().all(|one| !load.by_owner.contains_key(&one.owner) && seen.insert(one.owner.clone()));
    if !is_fair {
        return Ok(None);
    }
    let ids = load.pick(oldest, limits);
    Ok((ids.len() == limits.batch).then_some(ids))
}

fn counted<'a>(owners: impl Iterator<Item = &'a OwnerId>) -> HashMap<&'a OwnerId, usize> {
    let mut counts = HashMap::new();
    for owner in owners {
        *counts.entry(owner).or_default() += 1;
    }
    counts
}

/// What one look at the queue found.
struct Look {
    load: Load,
    /// Oldest first.
    candidates: Vec<Candidate<RunId>>,
    /// How many owners have queued runs, as far as was asked.
    owners: usize,
    /// How many of them run less than they may.
    with_room: usize,
    next_at: Option<DateTime<Utc>>,
}

impl Look {
    async fn at(
        connection: &mut PgConnection,
        now: DateTime<Utc>,
        limits: ClaimLimits,
        owners: usize,
        least: usize,
    ) -> Result<Self> {
        let statement = ask(LOOK, now, limits).bind(number(owners)).bind(number(least));
        let rows = statement.fetch_all(connection).await.or_store_error()?;
        let mut look = Self { load: Load::default(), candidates: Vec::new(), owners: 0, with_room: 0, next_at: None };
        let mut candidates = Vec::new();
        for row in &rows {
            let mut columns = Columns::new(row);
            let what: i32 = columns.take()?;
            let (owner, deployment): (Option<&str>, Option<Uuid>) = (columns.take()?, columns.take()?);
            let count: usize = columns.number("count")?;
            let (not_before, scheduled_for): (Option<i64>, Option<i64>) = (columns.take()?, columns.take()?);
            let whose = || match (owner, deployment) {
                (Some(owner), Some(deployment)) => Ok((name("owner", owner)?, DeploymentId::from_uuid(deployment))),
                _ => Err(unreadable("look at the queue", what.to_string())),
            };
            match what {
                0 => {
                    let (owner, deployment) = whose()?;
                    look.load.add(owner, deployment, count);
                }
                1 => {
                    let (owner, deployment) = whose()?;
                    let key = RunId::from_uuid(columns.uuid()?);
                    candidates.push(((not_before, scheduled_for, key), Candidate { key, owner, deployment }));
                }
                2 => look.next_at = not_before.map(instant).transpose()?,
                3 => look.owners = count,
                4 => look.with_room = count,
                other => return Err(unreadable("look at the queue", other.to_string())),
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
}

/// Binds what each look at the queue is told.
fn ask<'q>(text: &'static str, now: DateTime<Utc>, limits: ClaimLimits) -> Statement<'q> {
    sqlx::query(text)
        .bind(micros(now))
        .bind(number(limits.per_owner))
        .bind(number(limits.per_deployment))
        .bind(number(limits.batch))
}
