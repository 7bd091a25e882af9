//! Handing queued runs to a worker.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use wren_core::model::{Run, RunEvent};
use wren_core::store::{ClaimLimits, ClaimOptions, Claimed};
use wren_core::{DeploymentId, Result, RunId};

use super::changes::Changes;
use super::queue;
use super::table;
use crate::error::OrStoreError;
use crate::rows::{blob, micros, trimmed};
use crate::sql::{pieces, with_rows};
use crate::writer::Operation;

/// Claims runs.
pub(super) struct Claim {
    pub(super) options: ClaimOptions,
}

impl Operation for Claim {
    type Output = Claimed;

    /// Workers that ask at once share the looks at the queue: the runs that one look finds are dealt out in turn.
    async fn run_all(connection: &mut SqliteConnection, operations: &[Self]) -> Result<Vec<Result<Claimed>>> {
        let mut askers: Vec<Asker<'_>> = operations.iter().map(|one| Asker::new(&one.options)).collect();
        let mut together: BTreeMap<(usize, usize), Vec<&mut Asker<'_>>> = BTreeMap::new();
        for asker in &mut askers {
            let limits = asker.options.limits;
            together.entry((limits.per_deployment, limits.per_owner)).or_default().push(asker);
        }
        for mut group in together.into_values() {
            // What is due for the earliest is due for all.
            let earliest = group.iter().map(|asker| asker.now).min().unwrap_or_default();
            deal(connection, earliest, &mut group).await?;
            for asker in group {
                // The few runs that became due between the earliest and this one.
                if asker.next_at.is_some_and(|next| next <= asker.now) {
                    deal(connection, asker.now, &mut [asker]).await?;
                }
            }
        }
        Ok(askers.into_iter().map(|asker| Ok(Claimed { runs: asker.runs, next_at: asker.next_at })).collect())
    }
}

/// A worker that asks, and what it got so far.
struct Asker<'a> {
    options: &'a ClaimOptions,
    now: DateTime<Utc>,
    runs: Vec<Run>,
    next_at: Option<DateTime<Utc>>,
}

impl<'a> Asker<'a> {
    fn new(options: &'a ClaimOptions) -> Self {
        Self { options, now: trimmed(options.now), runs: Vec::new(), next_at: None }
    }

    fn room(&self) -> usize {
        self.options.limits.batch - self.runs.len()
    }

    fn event(&self) -> RunEvent {
        let lease_until = trimmed(self.now + self.options.lease);
        RunEvent::Claim { worker: self.options.worker.clone(), lease_until }
    }
}

/// Claims what is due at `now` for askers of the same limits.
async fn deal(connection: &mut SqliteConnection, now: DateTime<Utc>, askers: &mut [&mut Asker<'_>]) -> Result<()> {
    loop {
        let Some(limits) = askers.first().map(|asker| asker.options.limits) else { return Ok(()) };
        let batch = askers.iter().map(|asker| asker.room()).fold(0, usize::saturating_add);
        let picked = queue::pick(connection, now, ClaimLimits { batch, ..limits }).await?;
        take(connection, &picked.ids, askers).await?;
        for asker in &mut *askers {
            asker.next_at = picked.next_at;
        }
        if !picked.look_again {
            return Ok(());
        }
    }
}

async fn take(connection: &mut SqliteConnection, ids: &[RunId], askers: &mut [&mut Asker<'_>]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let found = table::load(connection, ids).await?;
    let (changes, starts) = hand_out(ids, found, askers)?;
    changes.write(connection).await?;
    note_starts(connection, starts.into_iter().collect()).await
}

/// Gives the runs to the askers, each as many as it has room for; also returns the latest start in each deployment.
fn hand_out(
    ids: &[RunId],
    mut found: HashMap<RunId, Run>,
    askers: &mut [&mut Asker<'_>],
) -> Result<(Changes, BTreeMap<DeploymentId, i64>)> {
    let mut changes = Changes::default();
    let mut starts: BTreeMap<DeploymentId, i64> = BTreeMap::new();
    let mut turn = 0;
    for id in ids {
        while askers.get(turn).is_some_and(|asker| asker.room() == 0) {
            turn += 1;
        }
        let (Some(mut run), Some(asker)) = (found.remove(id), askers.get_mut(turn)) else { continue };
        if changes.apply(&mut run, asker.event(), asker.now)?.is_ok() {
            let start = starts.entry(run.deployment_id).or_insert(i64::MIN);
            *start = micros(asker.now).max(*start);
            asker.runs.push(run);
        }
    }
    Ok((changes, starts))
}

/// Keeps the latest start in each deployment.
async fn note_starts(connection: &mut SqliteConnection, starts: Vec<(DeploymentId, i64)>) -> Result<()> {
    for piece in pieces(&starts) {
        let mut statement = with_rows(NOTE_STARTS, piece.len(), 2);
        for (id, at) in piece {
            statement = statement.bind(blob(id.uuid())).bind(*at);
        }
        statement.execute(&mut *connection).await.or_store_error()?;
    }
    Ok(())
}

pub(crate) const NOTE_STARTS: &str = "WITH v (id, started_at) AS (VALUES {rows}) \
     UPDATE deployments SET last_run = v.started_at FROM v \
     WHERE deployments.id = v.id AND (last_run IS NULL OR last_run < v.started_at)";
