//! Due times compared with what two independent implementations of Debian's cron say, see `oracle/make_table.py`.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use wren_core::schedule::{CronExpr, Schedule, Timezone};

static CASES: &str = include_str!("oracle/cases.tsv");
/// Cases in which Wren is right and the oracle is not: the case, Wren's answer, and the section of `oracle/README.md` that
/// says why.
static DISAGREEMENTS: &str = include_str!("oracle/disagreements.tsv");

/// An expression, a zone, and the minute asked about.
type Question<'a> = (&'a str, &'a str, &'a str);

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(minutes * 60, 0).unwrap()
}

/// Returns Wren's answer as the table writes one.
fn answer((expression, zone, after): Question<'_>, count: usize) -> String {
    let schedule = Schedule::cron(CronExpr::parse(expression).unwrap(), Timezone::parse(zone).unwrap());
    let mut last = after.parse().unwrap();
    let steps = schedule.upcoming(at(last)).take(count).map(|fire| {
        let minutes = fire.timestamp() / 60;
        assert_eq!(at(minutes), fire, "{expression} in {zone} is due at a whole minute");
        let step = minutes - last;
        last = minutes;
        step.to_string()
    });
    steps.collect::<Vec<_>>().join("\t")
}

fn rows(table: &str) -> impl Iterator<Item = (Question<'_>, &str)> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut parts = line.splitn(4, '\t');
        let mut next = || parts.next().unwrap();
        ((next(), next(), next()), next())
    })
}

#[test]
fn due_times_are_those_of_the_oracles_but_for_the_explained_ones() {
    let explained: BTreeMap<Question<'_>, &str> =
        rows(DISAGREEMENTS).map(|(question, rest)| (question, rest.rsplit_once('\t').unwrap().0)).collect();
    let (mut agreed, mut differ) = (0, Vec::new());
    for (question, expected) in rows(CASES) {
        let ours = answer(question, expected.split('\t').count());
        if ours == expected {
            agreed += 1;
            continue;
        }
        if explained.get(&question) != Some(&ours.as_str()) {
            differ.push(format!("{question:?}: the oracle says {expected:?}, Wren {ours:?}"));
        }
    }
    assert!(differ.is_empty(), "{} of {} differ:\n{}", differ.len(), agreed + differ.len(), differ.join("\n"));
    assert!(agreed >= 20_000, "{agreed}");
}
