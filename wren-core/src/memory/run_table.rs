//! The runs and their indexes: every change of a run goes through here, so that no index can miss one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::id::{DeploymentId, OwnerId, RunId, TriggerId};
use crate::model::{Attempt, LogEntry, LogLine, Run, RunEvent, RunState, Transition, TransitionError};

/// A run with what belongs to it.
pub(super) struct StoredRun {
    pub(super) run: Run,
    /// Oldest first.
    pub(super) attempts: Vec<Attempt>,
    /// By `seq`.
    pub(super) logs: Vec<LogEntry>,
}

/// The order in which queued runs are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    pub(super) not_before: DateTime<Utc>,
    pub(super) scheduled_for: DateTime<Utc>,
    pub(super) id: RunId,
}

impl Age {
    fn of(run: &Run) -> Self {
        Self { not_before: run.not_before, scheduled_for: run.scheduled_for, id: run.id }
    }
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
    /// The queued and running runs of each trigger, oldest first.
    pub(super) active_of_trigger: HashMap<TriggerId, BTreeSet<(DateTime<Utc>, RunId)>>,
    /// The queued and running runs of each deployment.
    active_of_deployment: HashMap<DeploymentId, BTreeSet<RunId>>,
    /// The deployments whose fired runs may not be claimed.
    inactive: HashSet<DeploymentId>,
    /// The queued runs that nothing but time and limits keeps from being claimed: neither the status of their deployment
    /// nor an earlier run of their trigger.
    pub(super) ready: HashMap<DeploymentId, BTreeSet<Age>>,
    /// The first of each set of `ready`, so that a claim looks at no more runs than it takes.
    pub(super) heads: BTreeMap<OwnerId, BTreeSet<(Age, DeploymentId)>>,
    /// All of `ready`, for the next instant at which one may be claimed.
    pub(super) timeline: BTreeSet<(DateTime<Utc>, RunId)>,
    pub(super) leases: BTreeSet<(DateTime<Utc>, RunId)>,
    pub(super) running_by_owner: HashMap<OwnerId, usize>,
    pub(super) running_by_deployment: HashMap<DeploymentId, usize>,
    pub(super) completed: BTreeSet<(DateTime<Utc>, RunId)>,
}

impl RunTable {
    /// Adds a new run.
    pub(super) fn insert(&mut self, run: Run) {
        let id = run.id;
        self.by_key.insert((KeySpace::of(&run), run.key.dedupe_key()), id);
        self.by_owner.entry(run.owner.clone()).or_default().insert((run.scheduled_for, id));
        self.link(&run);
        self.runs.insert(id, StoredRun { run, attempts: Vec::new(), logs: Vec::new() });
    }

    /// Deletes a run with all that belongs to it.
    pub(super) fn remove(&mut self, id: RunId) {
        let Some(StoredRun { run, .. }) = self.runs.remove(&id) else { return };
        self.unlink(&run);
        self.by_key.remove(&(KeySpace::of(&run), run.key.dedupe_key()));
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
        // Taken out meanwhile, so that the indexes can be written while the run is read.
        let mut stored = self.runs.remove(&id)?;
        self.unlink(&stored.run);
        let applied = stored.run.apply(event, now).map(|transition| {
            stored.record(transition, now);
            stored.run.clone()
        });
        self.link(&stored.run);
        self.runs.insert(id, stored);
        Some(applied)
    }

    /// Returns the queued and running runs of a deployment.
    pub(super) fn active_of(&self, deployment: DeploymentId) -> Vec<RunId> {
        self.active_of_deployment.get(&deployment).into_iter().flatten().copied().collect()
    }

    /// Lets the fired runs of a deployment be claimed, or not.
    pub(super) fn set_active(&mut self, deployment: DeploymentId, active: bool) {
        let changed = if active { self.inactive.remove(&deployment) } else { self.inactive.insert(deployment) };
        if !changed {
            return;
        }
        for id in self.active_of(deployment) {
            self.settle(id);
        }
    }

    fn is_ready(&self, run: &Run) -> bool {
        run.state == RunState::Queued
            && (run.trigger_id.is_none() || !self.inactive.contains(&run.deployment_id))
            && (!run.is_serial() || self.head_of_trigger(run) == Some(run.id))
    }

    fn head_of_trigger(&self, run: &Run) -> Option<RunId> {
        Some(self.active_of_trigger.get(&run.trigger_id?)?.first()?.1)
    }

    fn link(&mut self, run: &Run) {
        if run.state.is_terminal() {
            self.completed.extend(run.completed_at.map(|at| (at, run.id)));
            return;
        }
        self.active_of_deployment.entry(run.deployment_id).or_default().insert(run.id);
        if let Some(claim) = &run.claim {
            self.leases.insert((claim.lease_until, run.id));
            *self.running_by_owner.entry(run.owner.clone()).or_default() += 1;
            *self.running_by_deployment.entry(run.deployment_id).or_default() += 1;
        }
        if let Some(trigger) = run.trigger_id {
            let active = self.active_of_trigger.entry(trigger).or_default();
            active.insert((run.scheduled_for, run.id));
            // A run recorded before the one that was first until now makes that one wait.
            let mut places = active.iter();
            if places.next() == Some(&(run.scheduled_for, run.id))
                && let Some((_, second)) = places.next()
            {
                let second = *second;
                self.settle(second);
            }
        }
        if self.is_ready(run) {
            self.make_ready(run);
        }
    }

    fn unlink(&mut self, run: &Run) {
        if let Some(at) = run.completed_at {
            self.completed.remove(&(at, run.id));
            return;
        }
        self.make_unready(run);
        take_from(&mut self.active_of_deployment, &run.deployment_id, &run.id);
        if let Some(claim) = &run.claim {
            self.leases.remove(&(claim.lease_until, run.id));
            count_down(&mut self.running_by_owner, &run.owner);
            count_down(&mut self.running_by_deployment, &run.deployment_id);
        }
        if let Some(trigger) = run.trigger_id {
            take_from(&mut self.active_of_trigger, &trigger, &(run.scheduled_for, run.id));
            if let Some(first) = self.head_of_trigger(run) {
                self.settle(first);
            }
        }
    }

    /// Puts a run among the ready ones or out of them, after a change of its deployment or of its neighbour in its trigger.
    fn settle(&mut self, id: RunId) {
        let Some(stored) = self.runs.remove(&id) else { return };
        if self.is_ready(&stored.run) {
            self.make_ready(&stored.run);
        } else {
            self.make_unready(&stored.run);
        }
        self.runs.insert(id, stored);
    }

    fn make_ready(&mut self, run: &Run) {
        self.timeline.insert((run.not_before, run.id));
        self.with_head(run, |ages| ages.insert(Age::of(run)));
    }

    fn make_unready(&mut self, run: &Run) {
        if self.timeline.remove(&(run.not_before, run.id)) {
            self.with_head(run, |ages| ages.remove(&Age::of(run)));
        }
    }

    /// Changes the ready runs of a run's deployment, and their head with them.
    fn with_head(&mut self, run: &Run, change: impl FnOnce(&mut BTreeSet<Age>) -> bool) {
        let ages = self.ready.entry(run.deployment_id).or_default();
        let before = ages.first().copied();
        change(ages);
        let after = ages.first().copied();
        if ages.is_empty() {
            self.ready.remove(&run.deployment_id);
        }
        if before == after {
            return;
        }
        let heads = self.heads.entry(run.owner.clone()).or_default();
        if let Some(age) = before {
            heads.remove(&(age, run.deployment_id));
        }
        heads.extend(after.map(|age| (age, run.deployment_id)));
        if heads.is_empty() {
            self.heads.remove(&run.owner);
        }
    }
}

impl StoredRun {
    /// Writes what a transition says about the attempts.
    fn record(&mut self, transition: Transition, now: DateTime<Utc>) {
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

fn take_from<K: std::hash::Hash + Eq, V: Ord>(sets: &mut HashMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

fn count_down<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
