//! At which of the moments it passes each life of the server ends.

/// Returns the number of the moment for a life, both counted from 1. Every second life ends one moment later than the last such
/// one, so that the flow from the start on is met moment by moment; those between are spread evenly over the first `deep`
/// moments, by the golden ratio, in whatever the traffic happens to be doing then.
pub(crate) fn moment(life: u64, deep: u64) -> u64 {
    if life % 2 == 1 {
        return life / 2 + 1;
    }
    // 2^64 divided by the golden ratio: its multiples, as fractions of 2^64, never come close to each other.
    let fraction = (life / 2).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    1 + u64::try_from((u128::from(fraction) * u128::from(deep)) >> 64).unwrap_or_default()
}

#[test]
fn moments_are_met_in_turn_and_far_into_a_life() {
    let in_turn: Vec<u64> = (1..=9).step_by(2).map(|life| moment(life, 100)).collect();
    assert_eq!(in_turn, [1, 2, 3, 4, 5]);
    let mut spread: Vec<u64> = (2..=40).step_by(2).map(|life| moment(life, 100)).collect();
    spread.sort_unstable();
    assert!(spread.iter().all(|moment| (1..=100).contains(moment)));
    assert!(spread.windows(2).all(|pair| pair[1] - pair[0] <= 13), "{spread:?}");
}
