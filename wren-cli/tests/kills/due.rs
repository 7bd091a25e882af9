//! Due times: which there were, and what became of each.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::client::text;

/// Reads an instant of an answer.
pub(crate) fn instant(value: &Value, name: &str) -> DateTime<Utc> {
    text(value, name).parse().unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// Returns the due times of `every="1s"`, whole seconds since the epoch, after one instant and up to another.
pub(crate) fn seconds(after: DateTime<Utc>, until: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
    (after.timestamp() + 1..=until.timestamp()).filter_map(|second| DateTime::from_timestamp(second, 0)).collect()
}

/// Returns the due times of each trigger's runs; a run per (trigger, due time), or the test fails. Manual runs have no trigger.
#[track_caller]
pub(crate) fn by_trigger(runs: &[Value]) -> BTreeMap<String, BTreeSet<DateTime<Utc>>> {
    let mut found: BTreeMap<String, BTreeSet<DateTime<Utc>>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run["trigger"] != "manual") {
        let is_new = found.entry(text(run, "trigger_id").to_owned()).or_default().insert(instant(run, "scheduled_for"));
        assert!(is_new, "a due time has two runs, one of them {run}");
    }
    found
}

/// Checks that each of so many triggers of `every="1s"`, deployed at one instant, has exactly one run for every due time up to
/// another.
#[track_caller]
pub(crate) fn assert_one_run_each(runs: &[Value], triggers: usize, after: DateTime<Utc>, until: DateTime<Utc>) {
    let wanted = seconds(after, until);
    let found = by_trigger(runs);
    assert_eq!(found.len(), triggers, "{:?}", found.keys());
    for (trigger, mut found) in found {
        found.retain(|due| *due <= until);
        let missing: Vec<_> = wanted.difference(&found).collect();
        let foreign: Vec<_> = found.difference(&wanted).collect();
        assert!(missing.is_empty() && foreign.is_empty(), "{trigger}: without a run {missing:?}, made up {foreign:?}");
    }
}

/// Checks that between the first and the last run of each trigger of `every="1s"` no due time is left out. Returns those
/// two.
#[track_caller]
pub(crate) fn assert_no_gap(runs: &[Value]) -> BTreeMap<String, (DateTime<Utc>, DateTime<Utc>)> {
    let mut ends = BTreeMap::new();
    for (trigger, due) in by_trigger(runs) {
        for (one, next) in due.iter().zip(due.iter().skip(1)) {
            assert_eq!(*next - *one, TimeDelta::seconds(1), "{trigger}: between {one} and {next}");
        }
        ends.extend(due.first().zip(due.last()).map(|(first, last)| (trigger, (*first, *last))));
    }
    ends
}
