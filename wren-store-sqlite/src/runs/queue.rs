//! The queue: which runs may be claimed, and which of them a claim takes.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column, Row, SqliteConnection};
use wren_core::store::kit::Picked;
use wren_core::store::{Candidate, ClaimLimits, pick_fairly};
use wren_core::{DeploymentId, OwnerId, Result, RunId};

use crate::error::OrStoreError;
use crate::rows::{Columns, micros, name};
use crate::sql::Statement;

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

/// Who runs as much as they may, found in the statement itself.
macro_rules! has_room {
    () => {
        "q.owner NOT IN (SELECT owner FROM runs INDEXED BY runs_running WHERE state = 'running' \
           GROUP BY owner HAVING count(*) >= ?2) \
         AND q.deployment_id NOT IN (SELECT deployment_id FROM runs INDEXED BY runs_running WHERE state = 'running' \
           GROUP BY deployment_id HAVING count(*) >= ?3)"
    };
}

/// How much runs, by owner and deployment.
pub(crate) const RUNNING: &str = "SELECT owner, deployment_id, count(*) FROM runs INDEXED BY runs_running \
     WHERE state = 'running' GROUP BY owner, deployment_id";

/// The oldest runs over all owners that may be claimed.
pub(crate) const OLDEST: &str = concat!(
    "SELECT q.id, q.owner, q.deployment_id FROM runs q INDEXED BY runs_queued \
     WHERE q.state = 'queued' AND q.not_before <= ?1 AND ",
    ready!(),
    " AND ",
    has_room!(),
    " ORDER BY q.not_before, q.scheduled_for, q.id LIMIT ?4"
);

/// The first run that becomes due.
pub(crate) const NEXT: &str = concat!(
    "SELECT q.not_before FROM runs q INDEXED BY runs_queued WHERE q.state = 'queued' AND q.not_before > ?1 AND ",
    ready!(),
    " ORDER BY q.not_before LIMIT 1"
);

/// The oldest few of each owner, as many of each as fill the batch together. Steps from one owner to the next through the
/// index, whatever the length of their queues.
pub(crate) const OLDEST_OF_EACH: &str = concat!(
    "WITH RECURSIVE step (owner) AS ( \
     SELECT (SELECT min(owner) FROM runs INDEXED BY runs_queued_of_owner WHERE state = 'queued') \
     UNION ALL \
     SELECT (SELECT min(owner) FROM runs INDEXED BY runs_queued_of_owner \
             WHERE state = 'queued' AND owner > step.owner) FROM step WHERE step.owner IS NOT NULL), \
     owners (owner) AS MATERIALIZED (SELECT owner FROM step WHERE owner IS NOT NULL) \
     SELECT r.id, r.owner, r.deployment_id FROM owners o CROSS JOIN runs r ON r.rowid IN ( \
     SELECT q.rowid FROM runs q INDEXED BY runs_queued_of_owner \
     WHERE q.owner = o.owner AND q.state = 'queued' AND q.not_before <= ?1 AND ",
    ready!(),
    " AND ",
    has_room!(),
    " ORDER BY q.not_before, q.scheduled_for, q.id LIMIT 1 + ?4 / (SELECT count(*) FROM owners)) \
     ORDER BY r.not_before, r.scheduled_for, r.id"
);

/// Picks runs that a claim takes.
pub(crate) async fn pick(connection: &mut SqliteConnection, now: DateTime<Utc>, limits: ClaimLimits) -> Result<Picked> {
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

/// What runs at the moment.
#[derive(Default)]
struct Load {
    by_owner: HashMap<OwnerId, usize>,
    by_deployment: HashMap<DeploymentId, usize>,
}

impl Load {
    fn add(&mut self, row: &SqliteRow) -> Result<()> {
        let mut columns = Columns::new(row);
        let owner = name("owner", columns.text()?)?;
        let deployment = DeploymentId::from_uuid(columns.uuid()?);
        let count: usize = columns.number("count")?;
        *self.by_owner.entry(owner).or_default() += count;
        *self.by_deployment.entry(deployment).or_default() += count;
        Ok(())
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

/// A look at the queue.
struct Look {
    load: Load,
    oldest: Vec<Candidate<RunId>>,
    next_at: Option<DateTime<Utc>>,
}

impl Look {
    /// Three statements that cross to SQLite's thread together; the name of their first column tells their rows apart.
    async fn at(
        connection: &mut SqliteConnection,
        now: DateTime<Utc>,
        limits: ClaimLimits,
        enough: usize,
    ) -> Result<Self> {
        static LOOK: LazyLock<String> = LazyLock::new(|| format!("{RUNNING}; {OLDEST}; {NEXT}"));
        // Safe: this file's own statements.
        let rows = bind_limits(sqlx::query(AssertSqlSafe(LOOK.as_str())), now, limits, enough)
            .fetch_all(connection)
            .await
            .or_store_error()?;
        let mut look = Self { load: Load::default(), oldest: Vec::new(), next_at: None };
        for row in &rows {
            match row.columns()[0].name() {
                "owner" => look.load.add(row)?,
                "id" => look.oldest.push(candidate(row)?),
                _ => look.next_at = Some(Columns::new(row).instant()?),
            }
        }
        Ok(look)
    }
}

async fn oldest_of_each(
    connection: &mut SqliteConnection,
    now: DateTime<Utc>,
    limits: ClaimLimits,
) -> Result<Vec<Candidate<RunId>>> {
    let rows = bind_limits(sqlx::query(OLDEST_OF_EACH), now, limits, limits.batch)
        .fetch_all(connection)
        .await
        .or_store_error()?;
    rows.iter().map(candidate).collect()
}

/// Binds what the statements of this file number alike: the time, the two limits, how many.
fn bind_limits(statement: Statement, now: DateTime<Utc>, limits: ClaimLimits, count: usize) -> Statement {
    let number = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
    statement.bind(micros(now)).bind(number(limits.per_owner)).bind(number(limits.per_deployment)).bind(number(count))
}

fn candidate(row: &SqliteRow) -> Result<Candidate<RunId>> {
    let mut columns = Columns::new(row);
    Ok(Candidate {
        key: RunId::from_uuid(columns.uuid()?),
        owner: name("owner", columns.text()?)?,
        deployment: DeploymentId::from_uuid(columns.uuid()?),
    })
}
