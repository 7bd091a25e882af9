//! Which queued runs a worker gets: round-robin between owners, within the limits.

use std::collections::HashMap;

use crate::id::{DeploymentId, OwnerId};

/// How much may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimLimits {
    /// How many runs this claim may return.
    pub batch: usize,
    /// How many runs of one deployment may be running, over all workers.
    pub per_deployment: usize,
    /// How many runs of one owner may be running, over all workers.
    pub per_owner: usize,
}

/// A queued run that may be claimed as far as its own state goes.
#[derive(Debug, Clone)]
pub struct Candidate<K> {
    /// What the store knows the run by.
    pub key: K,
    /// Whose it is.
    pub owner: OwnerId,
    /// Its deployment.
    pub deployment: DeploymentId,
}

/// Picks from candidates, which come oldest first within each owner, so that no owner with a long queue keeps the others
/// waiting: each round takes at most one run per owner, beginning with the owner that has the fewest running.
///
/// `running_by_owner` and `running_by_deployment` count what is running before the claim; owners and deployments not in
/// them have none.
#[must_use]
pub fn pick_fairly<K>(
    candidates: Vec<Candidate<K>>,
    running_by_owner: &HashMap<OwnerId, usize>,
    running_by_deployment: &HashMap<DeploymentId, usize>,
    limits: ClaimLimits,
) -> Vec<K> {
    let mut order: Vec<OwnerId> = Vec::new();
    let mut queues: HashMap<OwnerId, std::collections::VecDeque<Candidate<K>>> = HashMap::new();
    for candidate in candidates {
        let queue = queues.entry(candidate.owner.clone()).or_insert_with(|| {
            order.push(candidate.owner.clone());
            std::collections::VecDeque::new()
        });
        queue.push_back(candidate);
    }
    let mut by_owner = running_by_owner.clone();
    let mut by_deployment = running_by_deployment.clone();
    // Stable: owners with the same load keep the order of their oldest run.
    order.sort_by_key(|owner| by_owner.get(owner).copied().unwrap_or(0));

    let mut picked = Vec::new();
    while picked.len() < limits.batch && !order.is_empty() {
        order.retain(|owner| {
            if picked.len() >= limits.batch {
                return true;
            }
            let load = by_owner.entry(owner.clone()).or_insert(0);
            let Some(queue) = queues.get_mut(owner) else { return false };
            while *load < limits.per_owner
                && let Some(candidate) = queue.pop_front()
            {
                let busy = by_deployment.entry(candidate.deployment).or_insert(0);
                if *busy < limits.per_deployment {
                    *busy += 1;
                    *load += 1;
                    picked.push(candidate.key);
                    return true;
                }
            }
            false
        });
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(owners: &[(&str, usize)]) -> Vec<Candidate<String>> {
        let mut list = Vec::new();
        for (owner, count) in owners {
            let deployment = DeploymentId::new();
            for number in 0..*count {
                let owner = OwnerId::new(owner).unwrap();
                list.push(Candidate { key: format!("{owner}{number}"), owner, deployment });
            }
        }
        list
    }

    const WIDE: ClaimLimits = ClaimLimits { batch: 6, per_deployment: 100, per_owner: 100 };

    #[test]
    fn owners_take_turns() {
        let picked = pick_fairly(candidates(&[("a", 100), ("b", 2), ("c", 1)]), &HashMap::new(), &HashMap::new(), WIDE);
        assert_eq!(picked, ["a0", "b0", "c0", "a1", "b1", "a2"]);
    }

    #[test]
    fn an_owner_with_less_running_comes_first() {
        let running = HashMap::from([(OwnerId::new("a").unwrap(), 3)]);
        let limits = ClaimLimits { batch: 1, ..WIDE };
        let picked = pick_fairly(candidates(&[("a", 2), ("b", 2)]), &running, &HashMap::new(), limits);
        assert_eq!(picked, ["b0"]);
    }

    #[test]
    fn limits_hold_with_what_is_running() {
        let list = candidates(&[("a", 5), ("b", 5)]);
        let busy = HashMap::from([(list[0].deployment, 1)]);
        let limits = ClaimLimits { batch: 10, per_deployment: 2, per_owner: 4 };
        let picked = pick_fairly(list, &HashMap::new(), &busy, limits);
        assert_eq!(picked, ["a0", "b0", "b1"]);
    }

    #[test]
    fn a_full_deployment_does_not_hide_the_owners_others() {
        let mut list = candidates(&[("a", 3)]);
        let other = DeploymentId::new();
        list.push(Candidate { key: "other".into(), owner: OwnerId::new("a").unwrap(), deployment: other });
        let limits = ClaimLimits { batch: 10, per_deployment: 1, per_owner: 10 };
        assert_eq!(pick_fairly(list, &HashMap::new(), &HashMap::new(), limits), ["a0", "other"]);
    }
}
