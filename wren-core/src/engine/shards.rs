//! Which triggers this engine plans, where several engines share a store: pure decisions, no I/O.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::id::TriggerId;

/// How many parts the triggers of a store are shared out in; as many engines at most plan at the same time. All binaries on
/// one store have to agree on it, so it is no option.
pub(super) const SHARDS: u32 = 64;

/// The part that a trigger belongs to: by the random bits of its id, so that parts are about equal.
fn shard_of(key: u128) -> u32 {
    (key % u128::from(SHARDS)) as u32
}

/// The parts that this engine plans, and until when it may.
#[derive(Debug)]
pub(super) struct Shards {
    /// A bit for each.
    held: AtomicU64,
    /// Without an end where the store is not shared.
    until: Mutex<Option<DateTime<Utc>>>,
    /// Whether no other engine is known.
    alone: AtomicBool,
}

impl Shards {
    /// All of them for ever, or none yet where they are to be shared out.
    pub(super) fn new(is_shared: bool) -> Self {
        let (held, until) = if is_shared { (0, Some(DateTime::<Utc>::MIN_UTC)) } else { (u64::MAX, None) };
        Self { held: AtomicU64::new(held), until: Mutex::new(until), alone: AtomicBool::new(!is_shared) }
    }

    /// Says whether a trigger, by the planner's key, is this engine's to plan.
    pub(super) fn has(&self, key: u128) -> bool {
        self.held.load(Ordering::Acquire) & (1 << shard_of(key)) != 0
    }

    /// Says the same by id.
    pub(super) fn has_trigger(&self, id: TriggerId) -> bool {
        self.has(id.uuid().as_u128())
    }

    /// Returns how many are this engine's.
    pub(super) fn count(&self) -> u32 {
        self.held.load(Ordering::Acquire).count_ones()
    }

    /// Returns those that are this engine's.
    pub(super) fn list(&self) -> BTreeSet<u32> {
        let held = self.held.load(Ordering::Acquire);
        (0..SHARDS).filter(|shard| held & (1 << shard) != 0).collect()
    }

    pub(super) fn set(&self, shards: &BTreeSet<u32>) {
        self.held.store(shards.iter().fold(0, |bits, shard| bits | 1 << shard), Ordering::Release);
    }

    /// Says whether this engine may record due times now: not one that slept past the end of its lease, until it knows anew
    /// what is its own. Two engines that fire the same due time would make one run all the same.
    pub(super) fn may_fire(&self, now: DateTime<Utc>) -> bool {
        self.until.lock().is_none_or(|until| now < until)
    }

    pub(super) fn hold_until(&self, until: DateTime<Utc>) {
        *self.until.lock() = Some(until);
    }

    pub(super) fn is_alone(&self) -> bool {
        self.alone.load(Ordering::Acquire)
    }

    pub(super) fn set_alone(&self, alone: bool) {
        self.alone.store(alone, Ordering::Release);
    }
}

/// Returns how many parts an engine should have, of those in a sorted list.
pub(super) fn fair_share(nodes: &[String], this: &str) -> usize {
    let all = SHARDS as usize;
    match nodes.iter().position(|node| node == this) {
        Some(place) => all / nodes.len() + usize::from(place < all % nodes.len()),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{number:03}")).collect()
    }

    #[test]
    fn shares_add_up_and_differ_by_one_at_most() {
        for count in 1..=100 {
            let nodes = names(count);
            let shares: Vec<usize> = nodes.iter().map(|node| fair_share(&nodes, node)).collect();
            assert_eq!(shares.iter().sum::<usize>(), SHARDS as usize);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
        assert_eq!(fair_share(&names(3), "stranger"), 0);
    }

    #[test]
    fn every_trigger_is_in_one_part_and_parts_are_about_equal() {
        let mut counts = [0; SHARDS as usize];
        for _ in 0..64_000 {
            counts[shard_of(TriggerId::new().uuid().as_u128()) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (700..1300).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_is_not_shared_is_all_this_engines_for_ever() {
        let shards = Shards::new(false);
        assert!(shards.may_fire(DateTime::<Utc>::MAX_UTC) && shards.has(7) && shards.count() == SHARDS);
        let shards = Shards::new(true);
        assert!(!shards.may_fire(DateTime::<Utc>::MIN_UTC) && !shards.has(7));
        shards.set(&BTreeSet::from([7, 63]));
        assert!(shards.has(7) && shards.has(63) && !shards.has(8) && shards.list() == BTreeSet::from([7, 63]));
    }
}
