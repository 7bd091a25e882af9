//! The runs that have not ended, in the orders in which a store asks for them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::hash::Hash;
use std::ops::Bound;

use chrono::{DateTime, TimeDelta, Utc};

use crate::id::{DeploymentId, OwnerId, RunId, TriggerId};
use crate::model::{Run, RunState};
use crate::store::{Candidate, ClaimLimits, pick_fairly};

/// What the queue knows of a run.
#[derive(Debug, Clone)]
pub struct QueuedRun {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Its deployment.
    pub deployment_id: DeploymentId,
    /// Its trigger; `None` for a manual run.
    pub trigger_id: Option<TriggerId>,
    /// Its due time.
    pub scheduled_for: DateTime<Utc>,
    /// Before this instant no worker may claim it.
    pub not_before: DateTime<Utc>,
    /// Whether it [waits for the earlier runs of its trigger](Run::is_serial).
    pub serial: bool,
    /// Whether it is queued, running, or neither any more.
    pub state: RunState,
    /// When the claim of a running one ends.
    pub lease_until: Option<DateTime<Utc>>,
}

impl From<&Run> for QueuedRun {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id,
            owner: run.owner.clone(),
            deployment_id: run.deployment_id,
            trigger_id: run.trigger_id,
            scheduled_for: run.scheduled_for,
            not_before: run.not_before,
            serial: run.is_serial(),
            state: run.state,
            lease_until: run.claim.as_ref().map(|claim| claim.lease_until),
        }
    }
}

/// The order in which queued runs are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    not_before: DateTime<Utc>,
    scheduled_for: DateTime<Utc>,
    id: RunId,
}

impl Age {
    fn of(run: &QueuedRun) -> Self {
        Self { not_before: run.not_before, scheduled_for: run.scheduled_for, id: run.id }
    }
}

/// The queued and running runs of a store that has all of them at hand: who may be claimed, whose lease has ended.
///
/// A claim looks at no more runs than it takes, however many wait behind a limit, a pause or an earlier run.
#[derive(Debug, Default)]
pub struct RunQueue {
    runs: HashMap<RunId, QueuedRun>,
    /// The runs of each trigger, oldest first.
    of_trigger: HashMap<TriggerId, BTreeSet<(DateTime<Utc>, RunId)>>,
    of_deployment: HashMap<DeploymentId, BTreeSet<RunId>>,
    /// The deployments whose fired runs may not be claimed.
    inactive: HashSet<DeploymentId>,
    /// The queued runs that nothing but time and limits keeps from being claimed: neither the status of their deployment
    /// nor an earlier run of their trigger.
    ready: HashMap<DeploymentId, BTreeSet<Age>>,
    /// The first of each set of `ready`, so that a claim looks at no more runs than it takes.
    heads: BTreeMap<OwnerId, BTreeSet<(Age, DeploymentId)>>,
    /// All of `ready`, for the next instant at which one may be claimed.
    timeline: BTreeSet<(DateTime<Utc>, RunId)>,
    leases: BTreeSet<(DateTime<Utc>, RunId)>,
    running_by_owner: HashMap<OwnerId, usize>,
    running_by_deployment: HashMap<DeploymentId, usize>,
}

impl RunQueue {
    /// Takes note of a run as it is now; one that has ended is forgotten.
    pub fn put(&mut self, run: impl Into<QueuedRun>) {
        let run = run.into();
        self.remove(run.id);
        if !run.state.is_terminal() {
            self.link(run);
        }
    }

    /// Moves the end of a running run's lease.
    pub fn extend(&mut self, id: RunId, lease_until: DateTime<Utc>) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if let Some(before) = run.lease_until.replace(lease_until) {
            self.leases.remove(&(before, id));
            self.leases.insert((lease_until, id));
        }
    }

    /// Forgets a run.
    pub fn remove(&mut self, id: RunId) {
        if let Some(run) = self.runs.remove(&id) {
            self.unlink(&run);
        }
    }

    /// Lets the fired runs of a deployment be claimed, or not.
    pub fn set_active(&mut self, deployment: DeploymentId, active: bool) {
        let changed = if active { self.inactive.remove(&deployment) } else { self.inactive.insert(deployment) };
        if !changed {
            return;
        }
        for id in self.of_deployment(deployment) {
            self.settle(id);
        }
    }

    /// Returns the queued and running runs of a deployment.
    #[must_use]
    pub fn of_deployment(&self, deployment: DeploymentId) -> Vec<RunId> {
        self.of_deployment.get(&deployment).into_iter().flatten().copied().collect()
    }

    /// Returns the queued and running runs of a trigger, oldest first.
    #[must_use]
    pub fn of_trigger(&self, trigger: TriggerId) -> Vec<RunId> {
        self.of_trigger.get(&trigger).into_iter().flatten().map(|(_, id)| *id).collect()
    }

    /// Says whether a run of the trigger is queued or running.
    #[must_use]
    pub fn has_of_trigger(&self, trigger: TriggerId) -> bool {
        self.of_trigger.contains_key(&trigger)
    }

    /// Returns at most `limit` running runs whose lease ended before or at `now`, longest ended first.
    #[must_use]
    pub fn expired(&self, now: DateTime<Utc>, limit: usize) -> Vec<RunId> {
        self.leases.iter().take_while(|(until, _)| *until <= now).take(limit).map(|(_, id)| *id).collect()
    }

    /// Picks the runs that a claim returns.
    #[must_use]
    pub fn pick(&self, now: DateTime<Utc>, limits: ClaimLimits) -> Vec<RunId> {
        let owners: Vec<_> = self
            .heads
            .iter()
            .filter(|(_, heads)| heads.first().is_some_and(|(age, _)| age.not_before <= now))
            .map(|(owner, heads)| (owner, heads, self.room_of(owner, limits)))
            .filter(|(_, _, room)| *room > 0)
            .collect();
        // With as many owners as places, the first round of `pick_fairly` takes one run of each and is the last.
        let each = if owners.len() >= limits.batch { 1 } else { limits.batch };
        let mut candidates: Vec<(Age, Candidate<RunId>)> = Vec::new();
        for (owner, heads, room) in owners {
            candidates.extend(
                self.oldest(heads, now, each.min(room), limits.per_deployment)
                    .into_iter()
                    .map(|(age, deployment)| (age, Candidate { key: age.id, owner: owner.clone(), deployment })),
            );
        }
        candidates.sort_unstable_by_key(|(age, _)| *age);
        let candidates = candidates.into_iter().map(|(_, candidate)| candidate).collect();
        pick_fairly(candidates, &self.running_by_owner, &self.running_by_deployment, limits)
    }

    /// Returns the earliest instant after `now` at which one of the ready runs may be claimed.
    #[must_use]
    pub fn next_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let first_later = (now + TimeDelta::microseconds(1), RunId::from_uuid(uuid::Uuid::nil()));
        self.timeline.range(first_later..).next().map(|(at, _)| *at)
    }

    fn room_of(&self, owner: &OwnerId, limits: ClaimLimits) -> usize {
        limits.per_owner.saturating_sub(self.running_by_owner.get(owner).copied().unwrap_or(0))
    }

    /// Returns an owner's oldest due runs, at most `count`, with no more of a deployment than its limit has room for.
    ///
    /// Merges the ready sets of the owner's deployments, and opens a set only when its head is the next oldest.
    fn oldest(
        &self,
        heads: &BTreeSet<(Age, DeploymentId)>,
        now: DateTime<Utc>,
        count: usize,
        per_deployment: usize,
    ) -> Vec<(Age, DeploymentId)> {
        let mut heads = heads.iter().copied().peekable();
        let mut opened: BinaryHeap<Reverse<(Age, DeploymentId)>> = BinaryHeap::new();
        let mut running: HashMap<DeploymentId, usize> = HashMap::new();
        let mut oldest = Vec::new();
        while oldest.len() < count {
            let head_is_next = match (heads.peek(), opened.peek()) {
                (Some(head), Some(Reverse(next))) => head < next,
                (head, _) => head.is_some(),
            };
            let next = if head_is_next { heads.next() } else { opened.pop().map(|Reverse(next)| next) };
            let Some((age, deployment)) = next.filter(|(age, _)| age.not_before <= now) else { break };
            let busy = running
                .entry(deployment)
                .or_insert_with(|| self.running_by_deployment.get(&deployment).copied().unwrap_or(0));
            if *busy >= per_deployment {
                continue;
            }
            *busy += 1;
            oldest.push((age, deployment));
            let younger = self.ready.get(&deployment);
            let younger = younger.and_then(|ages| ages.range((Bound::Excluded(age), Bound::Unbounded)).next());
            opened.extend(younger.map(|age| Reverse((*age, deployment))));
        }
        oldest
    }

    fn is_ready(&self, run: &QueuedRun) -> bool {
        run.state == RunState::Queued
            && (run.trigger_id.is_none() || !self.inactive.contains(&run.deployment_id))
            && (!run.serial || self.head_of_trigger(run) == Some(run.id))
    }

    fn head_of_trigger(&self, run: &QueuedRun) -> Option<RunId> {
        Some(self.of_trigger.get(&run.trigger_id?)?.first()?.1)
    }

    fn link(&mut self, run: QueuedRun) {
        self.of_deployment.entry(run.deployment_id).or_default().insert(run.id);
        if let Some(lease_until) = run.lease_until {
            self.leases.insert((lease_until, run.id));
            *self.running_by_owner.entry(run.owner.clone()).or_default() += 1;
            *self.running_by_deployment.entry(run.deployment_id).or_default() += 1;
        }
        if let Some(trigger) = run.trigger_id {
            let active = self.of_trigger.entry(trigger).or_default();
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
        if self.is_ready(&run) {
            self.make_ready(&run);
        }
        self.runs.insert(run.id, run);
    }

    fn unlink(&mut self, run: &QueuedRun) {
        self.make_unready(run);
        take_from(&mut self.of_deployment, &run.deployment_id, &run.id);
        if let Some(lease_until) = run.lease_until {
            self.leases.remove(&(lease_until, run.id));
            count_down(&mut self.running_by_owner, &run.owner);
            count_down(&mut self.running_by_deployment, &run.deployment_id);
        }
        if let Some(trigger) = run.trigger_id {
            take_from(&mut self.of_trigger, &trigger, &(run.scheduled_for, run.id));
            if let Some(first) = self.head_of_trigger(run) {
                self.settle(first);
            }
        }
    }

    /// Puts a run among the ready ones or out of them, after a change of its deployment or of its neighbour in its trigger.
    fn settle(&mut self, id: RunId) {
        // Taken out meanwhile, so that the indexes can be written while the run is read.
        let Some(run) = self.runs.remove(&id) else { return };
        if self.is_ready(&run) {
            self.make_ready(&run);
        } else {
            self.make_unready(&run);
        }
        self.runs.insert(id, run);
    }

    fn make_ready(&mut self, run: &QueuedRun) {
        self.timeline.insert((run.not_before, run.id));
        self.with_head(run, |ages| ages.insert(Age::of(run)));
    }

    fn make_unready(&mut self, run: &QueuedRun) {
        if self.timeline.remove(&(run.not_before, run.id)) {
            self.with_head(run, |ages| ages.remove(&Age::of(run)));
        }
    }

    /// Changes the ready runs of a run's deployment, and their head with them.
    fn with_head(&mut self, run: &QueuedRun, change: impl FnOnce(&mut BTreeSet<Age>) -> bool) {
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

fn take_from<K: Hash + Eq, V: Ord>(sets: &mut HashMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

fn count_down<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
