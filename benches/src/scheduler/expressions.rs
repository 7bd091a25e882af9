//! Reading an expression, and finding its next due time.

use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use wren_bench::start;
use wren_core::schedule::{CronExpr, Schedule, Timezone};

use super::apscheduler::Python;
use crate::report::{Ratio, Target};

/// As users write them: each in five fields, and as the `cron` crate wants it.
const EXPRESSIONS: [(&str, &str); 6] = [
    ("*/5 * * * *", "0 */5 * * * * *"),
    ("0 9 * * *", "0 0 9 * * * *"),
    ("30 8 * * 1-5", "0 30 8 * * 2-6 *"),
    ("0 0 1 * *", "0 0 0 1 * * *"),
    ("15 10,14 * 1,6 *", "0 15 10,14 * 1,6 * *"),
    ("0 3 * * 0", "0 0 3 * * 1 *"),
];
const ROUNDS: usize = 20_000;

/// A side doing one thing.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    what: &'static str,
    side: &'static str,
    ns: f64,
}

impl Row {
    pub(super) fn cells(&self) -> Vec<String> {
        vec![format!("{}: {}", self.what, self.side), format!("{:.0}", self.ns)]
    }
}

const PARSE: &str = "parse";
const NEXT_UTC: &str = "next due time, UTC";
const NEXT_DUBLIN: &str = "next due time, Dublin";
const WREN: &str = "wren";

pub(super) fn measure(python: Option<&Python>) -> Vec<Row> {
    let mut rows = vec![
        parse(WREN, |five, _| drop(black_box(CronExpr::parse(five)))),
        parse("croner", |five, _| drop(black_box(croner::Cron::from_str(five)))),
        parse("cron", |_, seven| drop(black_box(cron::Schedule::from_str(seven)))),
    ];
    for (what, zone) in [(NEXT_UTC, "UTC"), (NEXT_DUBLIN, "Europe/Dublin")] {
        rows.push(next(what, WREN, |five, _| {
            let schedule = match (CronExpr::parse(five), Timezone::parse(zone)) {
                (Ok(expression), Ok(zone)) => Schedule::cron(expression, zone),
                faults => unreachable!("{faults:?}"),
            };
            Box::new(move |after| schedule.next_after(after))
        }));
        let tz = Tz::from_str(zone).unwrap_or(Tz::UTC);
        rows.push(next(what, "croner", |five, _| {
            let cron = croner::Cron::from_str(five).unwrap_or_else(|error| unreachable!("{error}"));
            Box::new(move |after| {
                let next = cron.find_next_occurrence(&after.with_timezone(&tz), false).ok()?;
                Some(next.to_utc())
            })
        }));
        rows.push(next(what, "cron", |_, seven| {
            let schedule = cron::Schedule::from_str(seven).unwrap_or_else(|error| unreachable!("{error}"));
            Box::new(move |after| Some(schedule.after(&after.with_timezone(&tz)).next()?.to_utc()))
        }));
    }
    if let Some(python) = python {
        rows.push(Row { what: NEXT_DUBLIN, side: "APScheduler", ns: python.next_ns });
    }
    rows
}

fn parse(side: &'static str, parse: impl Fn(&str, &str)) -> Row {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        for (five, seven) in EXPRESSIONS {
            parse(black_box(five), black_box(seven));
        }
    }
    row(PARSE, side, started)
}

type Next = Box<dyn Fn(DateTime<Utc>) -> Option<DateTime<Utc>>>;

/// Each due time is asked for from the one before, as a scheduler does.
fn next(what: &'static str, side: &'static str, make: impl Fn(&str, &str) -> Next) -> Row {
    let schedules: Vec<Next> = EXPRESSIONS.iter().map(|(five, seven)| make(five, seven)).collect();
    let started = Instant::now();
    for schedule in &schedules {
        let mut after = start();
        for _ in 0..ROUNDS {
            // Decades are enough; then it begins anew.
            after = schedule(black_box(after)).filter(|next| next.timestamp() < 4_000_000_000).unwrap_or_else(start);
        }
        black_box(after);
    }
    row(what, side, started)
}

fn row(what: &'static str, side: &'static str, started: Instant) -> Row {
    Row { what, side, ns: started.elapsed().as_secs_f64() * 1e9 / (ROUNDS * EXPRESSIONS.len()) as f64 }
}

pub(super) fn ratios(rows: &[Row]) -> Vec<Ratio> {
    let of = |what, side| rows.iter().find(|row| row.what == what && row.side == side).map(|row| row.ns);
    let mut ratios = Vec::new();
    for (name, side) in
        [("next due time, Dublin: croner ÷ wren", "croner"), ("next due time, Dublin: cron ÷ wren", "cron")]
    {
        if let (Some(theirs), Some(ours)) = (of(NEXT_DUBLIN, side), of(NEXT_DUBLIN, WREN)) {
            ratios.push(Ratio { what: name, ratio: theirs / ours, target: Target::AtLeast(1.0) });
        }
    }
    if let Some(ours) = of(NEXT_DUBLIN, WREN) {
        ratios.push(Ratio { what: "next due time, Dublin: µs", ratio: ours / 1000.0, target: Target::AtMost(0.5) });
    }
    ratios
}
