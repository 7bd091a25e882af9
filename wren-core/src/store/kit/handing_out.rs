//! Handing queued runs to workers.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::changes::Changes;
use super::job::Operation;
use super::tables::{Detail, Tables};
use super::trimmed;
use crate::error::Result;
use crate::id::{DeploymentId, RunId};
use crate::model::{Run, RunEvent};
use crate::store::{ClaimLimits, ClaimOptions, Claimed};

/// Claims runs.
pub(super) struct Claim {
    pub(super) options: ClaimOptions,
}

#[async_trait]
impl Operation for Claim {
    type Output = Claimed;

    /// Workers that ask at once share the looks at the queue: the runs that one look finds are dealt out in turn.
    async fn run_all(tables: &mut dyn Tables, operations: &[Self]) -> Result<Vec<Result<Claimed>>> {
        let mut askers: Vec<Asker<'_>> = operations.iter().map(|one| Asker::new(&one.options)).collect();
        let mut together: BTreeMap<(usize, usize), Vec<&mut Asker<'_>>> = BTreeMap::new();
        for asker in &mut askers {
            let limits = asker.options.limits;
            together.entry((limits.per_deployment, limits.per_owner)).or_default().push(asker);
        }
        for mut group in together.into_values() {
            // What is due for the earliest is due for all.
            let earliest = group.iter().map(|asker| asker.now).min().unwrap_or_default();
            deal(tables, earliest, &mut group).await?;
            for asker in group {
                // The few runs that became due between the earliest and this one.
                if asker.next_at.is_some_and(|next| next <= asker.now) {
                    deal(tables, asker.now, &mut [asker]).await?;
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
async fn deal(tables: &mut dyn Tables, now: DateTime<Utc>, askers: &mut [&mut Asker<'_>]) -> Result<()> {
    loop {
        let Some(limits) = askers.first().map(|asker| asker.options.limits) else { return Ok(()) };
        let batch = askers.iter().map(|asker| asker.room()).fold(0, usize::saturating_add);
        let picked = tables.pick(now, ClaimLimits { batch, ..limits }).await?;
        let taken = take(tables, &picked.ids, askers).await?;
        for asker in &mut *askers {
            asker.next_at = picked.next_at;
        }
        // What nobody could take, since others hold it at the moment, is found again at once.
        if !picked.look_again || taken == 0 {
            return Ok(());
        }
    }
}

/// Returns how many were taken.
async fn take(tables: &mut dyn Tables, ids: &[RunId], askers: &mut [&mut Asker<'_>]) -> Result<usize> {
    if ids.is_empty() {
        return Ok(0);
    }
    let found = tables.runs(ids, Detail::Whole).await?;
    let (changes, starts) = hand_out(ids, found, askers)?;
    let taken = changes.started.len();
    tables.change_runs(changes).await?;
    let starts: Vec<_> = starts.into_iter().collect();
    tables.note_starts(&starts).await?;
    Ok(taken)
}

/// Gives the runs to the askers, each as many as it has room for; also returns the latest start in each deployment.
fn hand_out(
    ids: &[RunId],
    mut found: HashMap<RunId, Run>,
    askers: &mut [&mut Asker<'_>],
) -> Result<(Changes, BTreeMap<DeploymentId, DateTime<Utc>>)> {
    let mut changes = Changes::default();
    let mut starts: BTreeMap<DeploymentId, DateTime<Utc>> = BTreeMap::new();
    let mut turn = 0;
    for id in ids {
        while askers.get(turn).is_some_and(|asker| asker.room() == 0) {
            turn += 1;
        }
        let (Some(mut run), Some(asker)) = (found.remove(id), askers.get_mut(turn)) else { continue };
        if changes.apply(&mut run, asker.event(), asker.now)?.is_ok() {
            let start = starts.entry(run.deployment_id).or_insert(asker.now);
            *start = asker.now.max(*start);
            asker.runs.push(run);
        }
    }
    Ok((changes, starts))
}
