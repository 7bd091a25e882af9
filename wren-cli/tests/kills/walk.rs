//! At which of the moments it passes each life of the server ends.

use std::ops::Range;

/// Which moments to meet.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    /// By how much later each of the lives ends that meet the flow from the start on in turn.
    pub(crate) step: u64,
    /// Where the lives between end, whatever the traffic happens to be doing then.
    pub(crate) spread: Range<u64>,
}

impl Walk {
    /// Returns the number of the moment for a life, both counted from 1. Every second life ends a step later than the last such
    /// one, so that the flow from the start on is met moment by moment; those between are spread evenly, by the golden ratio.
    pub(crate) fn moment(&self, life: u64) -> u64 {
        if life % 2 == 1 {
            return life / 2 * self.step + 1;
        }
        // 2^64 divided by the golden ratio: its multiples, as fractions of 2^64, never come close to each other.
        let fraction = (life / 2).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let width = self.spread.end - self.spread.start;
        self.spread.start + u64::try_from((u128::from(fraction) * u128::from(width)) >> 64).unwrap_or_default()
    }
}

#[test]
fn moments_are_met_in_turn_and_far_into_a_life() {
    let walk = Walk { step: 1, spread: 1..101 };
    let in_turn: Vec<u64> = (1..=9).step_by(2).map(|life| walk.moment(life)).collect();
    assert_eq!(in_turn, [1, 2, 3, 4, 5]);
    let mut spread: Vec<u64> = (2..=40).step_by(2).map(|life| walk.moment(life)).collect();
    spread.sort_unstable();
    assert!(spread.iter().all(|moment| walk.spread.contains(moment)));
    assert!(spread.windows(2).all(|pair| pair[1] - pair[0] <= 13), "{spread:?}");
}
