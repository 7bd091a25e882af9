//! Deterministic jitter: many triggers of the same minute start at different moments, always the same ones.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Returns when to start what is due at `due`: up to and including `max` later, in whole milliseconds.
///
/// The offset is a hash of `trigger_seed` and `due`, so a restart and another node come to the same answer. The due time
/// itself stays the identity of the fire: record `due`, wait for `jittered(due, …)`. This function MUST keep its results
/// from version to version, which a test with fixed values guards.
pub fn jittered(due: DateTime<Utc>, trigger_seed: u64, max: Duration) -> DateTime<Utc> {
    let range = u64::try_from(max.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    let hash = mixed(trigger_seed ^ mixed(due.timestamp_millis() as u64));
    // The high half of the product maps the hash onto the range evenly and without a division.
    let offset = ((u128::from(hash) * u128::from(range)) >> 64) as i64;
    TimeDelta::try_milliseconds(offset).and_then(|offset| due.checked_add_signed(offset)).unwrap_or(due)
}

/// The output function of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
/// The standard library's hashers promise no stable results.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due() -> DateTime<Utc> {
        "2026-03-01T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn no_jitter_changes_nothing() {
        assert_eq!(jittered(due(), 7, Duration::ZERO), due());
    }

    #[test]
    fn jitter_stays_within_its_bound_and_spreads() {
        let max = Duration::from_secs(60);
        let offsets: Vec<i64> =
            (0..1_000).map(|seed| (jittered(due(), seed, max) - due()).num_milliseconds()).collect();
        assert!(offsets.iter().all(|offset| (0..=60_000).contains(offset)));
        let early = offsets.iter().filter(|offset| **offset < 30_000).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }

    #[test]
    fn jitter_is_the_same_in_every_version() {
        let offset = |seed| (jittered(due(), seed, Duration::from_secs(300)) - due()).num_milliseconds();
        assert_eq!([offset(0), offset(1), offset(u64::MAX)], [122_604, 123_720, 282_555]);
    }
}
