//! The runs and their indexes: every change of a run goes through here, so that no index can miss one.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::id::{DeploymentId, OwnerId, RunId, TriggerId};
use crate::model::{Attempt, LogEntry, LogLine, Run, RunEvent, Transition, TransitionError};
use crate::store::kit::RunQueue;

/// A run with what belongs to it.
pub(super) struct StoredRun {
    pub(super) run: Run,
    /// Oldest first.
    pub(super) attempts: Vec<Attempt>,
    /// By `seq`.
    pub(super) logs: Vec<LogEntry>,
}

/// Within what a run's key is unique: its trigger, or for a manual run its deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum KeySpace {
    Trigger(TriggerId),
    Manual(DeploymentId),
}

impl KeySpace {
    fn of(run: &Run) -> Self {
        run.trigger_id.map_or(Self::Manual(run.deployment_id), Self::Trigger)
    }
}

/// Runs by id, and the indexes over them.
#[derive(Default)]
pub(super) struct RunTable {
    pub(super) runs: HashMap<RunId, StoredRun>,
    pub(super) by_key: HashMap<(KeySpace, String), RunId>,
    /// By due time, for lists.
    pub(super) by_owner: HashMap<OwnerId, BTreeSet<(DateTime<Utc>, RunId)>>,
    /// Those that have not ended.
    pub(super) queue: RunQueue,
    pub(super) completed: BTreeSet<(DateTime<Utc>, RunId)>,
}

impl RunTable {
    /// Adds a new run.
    pub(super) fn insert(&mut self, run: Run) {
        let id = run.id;
        self.by_key.insert((KeySpace::of(&run), run.key.dedupe_key()), id);
        self.by_owner.entry(run.owner.clone()).or_default().insert((run.scheduled_for, id));
        self.settle(&run);
        self.runs.insert(id, StoredRun { run, attempts: Vec::new(), logs: Vec::new() });
    }

    /// Deletes a run that has ended, with all that belongs to it.
    pub(super) fn remove(&mut self, id: RunId) {
        let Some(StoredRun { run, .. }) = self.runs.remove(&id) else { return };
        self.by_key.remove(&(KeySpace::of(&run), run.key.dedupe_key()));
        if let Some(at) = run.completed_at {
            self.completed.remove(&(at, id));
        }
        if let Some(runs) = self.by_owner.get_mut(&run.owner) {
            runs.remove(&(run.scheduled_for, id));
        }
    }

    /// Applies an event to a run and writes what follows from it; returns the run as it is then, `None` when there is no
    /// such run.
    pub(super) fn apply(
        &mut self,
        id: RunId,
        event: RunEvent,
        now: DateTime<Utc>,
    ) -> Option<Result<Run, TransitionError>> {
        let stored = self.runs.get_mut(&id)?;
        let applied = match stored.run.apply(event, now) {
            Ok(transition) => stored.record(transition, now),
            Err(refused) => return Some(Err(refused)),
        };
        self.settle(&applied);
        Some(Ok(applied))
    }

    /// Writes what the indexes say of a run as it is now.
    fn settle(&mut self, run: &Run) {
        self.queue.put(run);
        self.completed.extend(run.completed_at.map(|at| (at, run.id)));
    }
}

impl StoredRun {
    /// Writes what a transition says about the attempts; returns the run as it is now.
    fn record(&mut self, transition: Transition, now: DateTime<Utc>) -> Run {
        match transition {
            Transition::Started => self.attempts.extend(self.run.claim.as_ref().map(|claim| Attempt {
                number: self.run.attempt,
                epoch: self.run.epoch,
                worker: claim.worker.clone(),
                started_at: now,
                ended_at: None,
                end: None,
                error: None,
            })),
            Transition::Ended { end, error } => {
                if let Some(attempt) = self.attempts.last_mut() {
                    attempt.ended_at = Some(now.max(attempt.started_at));
                    attempt.end = Some(end);
                    attempt.error = error;
                }
            }
            Transition::Extended | Transition::Closed | Transition::CancelRequested => {}
        }
        self.run.clone()
    }

    /// Appends lines to the log of the current attempt.
    pub(super) fn append(&mut self, lines: Vec<LogLine>) {
        let next = self.logs.last().map_or(1, |entry| entry.seq + 1);
        let attempt = self.run.attempt;
        self.logs.extend((next..).zip(lines).map(|(seq, line)| LogEntry {
            seq,
            at: super::micros(line.at),
            attempt,
            stream: line.stream,
            text: line.text,
        }));
    }
}
