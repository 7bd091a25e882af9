//! Which runs a claim returns.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::ops::Bound;

use chrono::{DateTime, TimeDelta, Utc};

use super::run_table::{Age, RunTable};
use crate::id::{DeploymentId, OwnerId, RunId};
use crate::store::{Candidate, ClaimLimits, pick_fairly};

impl RunTable {
    /// Picks the runs that a claim returns.
    pub(super) fn pick(&self, now: DateTime<Utc>, limits: ClaimLimits) -> Vec<RunId> {
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
    pub(super) fn next_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
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
}
