//! Benchmarks of Wren. `cargo bench -p wren-bench` runs the micro-benchmarks of the scheduler's hot path.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use wren_core::schedule::{CronExpr, Planner, PlannerEntry, Schedule, Scheduler, Timezone};

/// The instant at which every benchmark starts.
#[must_use]
pub fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// Makes the schedule of a cron expression in a zone.
///
/// # Panics
/// When either is malformed: a benchmark has only constants.
#[must_use]
pub fn cron(expression: &str, zone: &str) -> Schedule {
    match (CronExpr::parse(expression), Timezone::parse(zone)) {
        (Ok(expression), Ok(zone)) => Schedule::cron(expression, zone),
        (expression, zone) => panic!("{expression:?} {zone:?}"),
    }
}

/// Makes a planner of `count` triggers on sixty different minutes of the hour, as many users write them.
#[must_use]
pub fn planner(count: u128) -> Planner {
    let schedules: Vec<Arc<Schedule>> =
        (0..60).map(|minute| Arc::new(cron(&format!("{minute} * * * *"), "UTC"))).collect();
    let planner = Planner::new();
    for key in 0..count {
        let schedule = Arc::clone(&schedules[(key % 60) as usize]);
        planner.upsert(PlannerEntry { key, schedule, after: start() });
    }
    planner
}
