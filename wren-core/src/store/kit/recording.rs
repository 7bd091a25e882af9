//! Which fires become runs, and how.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::changes::Changes;
use super::tables::{FireTarget, Tables};
use super::trimmed;
use crate::error::{Error, Result};
use crate::id::{RunId, TriggerId};
use crate::model::{FireKey, NewRun, Overlap, Run, RunEvent, TransitionError};
use crate::store::{Admission, Disposition, Fire, Fired, admit, superseded};

/// A trigger whose fires are being recorded.
struct Target {
    known: FireTarget,
    moved: bool,
    /// The runs of this transaction that are queued, by their place in it.
    queued: Vec<usize>,
    /// The runs recorded before that have not ended, where a fire may have to cancel them.
    older_active: Vec<Run>,
}

impl Target {
    fn has_active_run(&self) -> bool {
        self.known.has_active_run || !self.queued.is_empty()
    }
}

/// The recording of a batch of fires: read, decided about one after the other, written.
pub(super) struct Recording {
    targets: HashMap<TriggerId, Target>,
    known: HashMap<(TriggerId, String), RunId>,
    new: Vec<Run>,
    changes: Changes,
}

impl Recording {
    /// Reads what the transaction sees of the triggers and of earlier runs.
    pub(super) async fn read(tables: &mut dyn Tables, fires: &[&Fire]) -> Result<Self> {
        let mut ids: Vec<TriggerId> = fires.iter().map(|fire| fire.trigger_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = tables.fire_targets(&ids).await?;
        let mut keys = Vec::new();
        for fire in fires {
            let Some(target) = found.get(&fire.trigger_id) else { continue };
            let key = key_of(fire);
            // Every recorded due time is at or before the cursor, so one after it needs no look-up.
            let is_new = matches!(&key, FireKey::Scheduled(at) if *at > target.cursor);
            if !is_new {
                keys.push((fire.trigger_id, key.dedupe_key()));
            }
        }
        let known = tables.fired(&keys).await?;
        let mut targets = HashMap::with_capacity(found.len());
        // In the order of their ids, in which runs that are read here are locked.
        for id in ids {
            let Some(known) = found.remove(&id) else { continue };
            let cancels = known.has_active_run && known.policy.overlap == Overlap::CancelPrevious;
            let older_active =
                if cancels { tables.active_of_trigger(known.deployment_id, id).await? } else { Vec::new() };
            targets.insert(id, Target { known, moved: false, queued: Vec::new(), older_active });
        }
        Ok(Self { targets, known, new: Vec::new(), changes: Changes::default() })
    }

    /// Decides about a fire.
    pub(super) fn record(&mut self, fire: &Fire, now: DateTime<Utc>) -> Result<Fired> {
        let run_id = fire.run_id;
        let Some(target) = self.targets.get_mut(&fire.trigger_id) else {
            return Ok(Fired { run_id, disposition: Disposition::Gone });
        };
        let key = key_of(fire);
        if let FireKey::Scheduled(at) = &key
            && *at > target.known.cursor
        {
            target.known.cursor = *at;
            target.moved = true;
        }
        let place = (fire.trigger_id, key.dedupe_key());
        if let Some(first) = self.known.get(&place) {
            return Ok(Fired { run_id: *first, disposition: Disposition::Duplicate });
        }
        self.known.insert(place, run_id);
        let status = target.known.status.at(fire.scheduled_for, target.known.paused_until);
        let admission = admit(fire.skip, status, target.known.policy.overlap, target.has_active_run());
        let mut run = new_run(&target.known, key, fire, now);
        let disposition = match admission {
            Admission::Skip(reason) => {
                apply(&mut run, RunEvent::Skip(reason), now)?;
                Disposition::Skipped(reason)
            }
            Admission::Queue | Admission::CancelPreviousAndQueue => {
                if admission == Admission::CancelPreviousAndQueue {
                    cancel_previous(target, &mut self.new, &mut self.changes, now)?;
                }
                target.queued.push(self.new.len());
                Disposition::Queued
            }
        };
        self.new.push(run);
        Ok(Fired { run_id, disposition })
    }

    /// Writes what was decided.
    pub(super) async fn write(self, tables: &mut dyn Tables) -> Result<()> {
        let moved = self.targets.iter().filter(|(_, target)| target.moved);
        let mut cursors: Vec<_> = moved.map(|(id, target)| (*id, target.known.cursor)).collect();
        cursors.sort_unstable();
        tables.change_runs(self.changes).await?;
        tables.insert_runs(&self.new).await?;
        tables.move_cursors(&cursors).await
    }
}

/// Ends the trigger's earlier runs, those of this transaction included.
fn cancel_previous(target: &mut Target, new: &mut [Run], changes: &mut Changes, now: DateTime<Utc>) -> Result<()> {
    for place in target.queued.drain(..) {
        apply(&mut new[place], RunEvent::Cancel { error: superseded() }, now)?;
    }
    for run in &mut target.older_active {
        changes.apply(run, RunEvent::Cancel { error: superseded() }, now)?.map_err(refused)?;
    }
    target.older_active.retain(|run| !run.state.is_terminal());
    // What runs is only asked to end; until it has, it is active.
    target.known.has_active_run = !target.older_active.is_empty();
    Ok(())
}

fn apply(run: &mut Run, event: RunEvent, now: DateTime<Utc>) -> Result<()> {
    run.apply(event, now).map(drop).map_err(refused)
}

/// A run that was just made queued, or just read as active, takes every event applied here.
fn refused(error: TransitionError) -> Error {
    Error::internal("a new run refused its first change", error)
}

/// Returns the key as the store keeps it, to the microsecond.
fn key_of(fire: &Fire) -> FireKey {
    match &fire.key {
        FireKey::Scheduled(at) => FireKey::Scheduled(trimmed(*at)),
        FireKey::Event(key) => FireKey::Event(key.clone()),
    }
}

fn new_run(target: &FireTarget, key: FireKey, fire: &Fire, now: DateTime<Utc>) -> Run {
    let new = NewRun {
        id: fire.run_id,
        owner: target.owner.clone(),
        deployment_id: target.deployment_id,
        revision: target.revision,
        trigger_id: Some(fire.trigger_id),
        trigger: target.kind,
        func: target.func.clone(),
        key,
        scheduled_for: trimmed(fire.scheduled_for),
        payload: fire.payload.clone(),
        policy: target.policy.clone(),
        not_before: trimmed(fire.not_before),
        correlation_id: fire.correlation_id.clone(),
    };
    Run::queued(new, now)
}
