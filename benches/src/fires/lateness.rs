//! How late what is due every second starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;
use wren_core::OwnerId;
use wren_core::engine::{Engine, EngineOptions};
use wren_core::schedule::{Every, Schedule};
use wren_store_sqlite::SqliteStore;

use super::world::{self, Nothing, late_ms, percentiles};
use crate::report::{Ratio, Target};
use crate::{Failure, workload};

const SCRIPT: &str = include_str!("../../scripts/apscheduler_lateness.py");

#[derive(Debug, Serialize)]
pub(super) struct Row {
    scheduler: &'static str,
    due: usize,
    started: usize,
    p50_ms: f64,
    p99_ms: f64,
    durable: bool,
}

impl Row {
    fn new(scheduler: &'static str, due: usize, late: Vec<f64>, durable: bool) -> Self {
        let started = late.len();
        let (p50_ms, p99_ms) = percentiles(late);
        Self { scheduler, due, started, p50_ms, p99_ms, durable }
    }

    pub(super) fn cells(&self) -> Vec<String> {
        let Self { scheduler, due, started, p50_ms, p99_ms, durable } = self;
        let durable = if *durable { "yes" } else { "no" };
        vec![
            (*scheduler).to_owned(),
            due.to_string(),
            started.to_string(),
            format!("{p50_ms:.1}"),
            format!("{p99_ms:.1}"),
            durable.to_owned(),
        ]
    }
}

/// What the target is about: due times spread over the second, as those of unrelated users are.
const SPREAD: [&str; 2] = ["wren on SQLite, spread: recorded", "wren on SQLite, spread: claimed"];
/// All of them due at the same instant of each second, as the others' are.
const AT_ONCE: [&str; 2] = ["wren on SQLite, at once: recorded", "wren on SQLite, at once: claimed"];

pub(super) async fn measure(folder: &Path, rate: usize, seconds: u32, python: &Path) -> Result<Vec<Row>, Failure> {
    let due = rate * seconds as usize;
    let spread = wren(folder.join("spread.db"), SPREAD, seconds, |start| {
        let step = i64::from(seconds) * 1_000_000 / i64::try_from(due).unwrap_or(i64::MAX);
        (0..due).map(|number| Schedule::at(start + TimeDelta::microseconds(step * number as i64))).collect()
    });
    let mut rows = spread.await?;
    let period = Every::parse("1s")?;
    let at_once = wren(folder.join("at-once.db"), AT_ONCE, seconds, |start| {
        let last = start + TimeDelta::seconds(i64::from(seconds) - 1);
        vec![Schedule::every(period, start).with_start(Some(start)).with_end(Some(last)); rate]
    });
    rows.extend(at_once.await?);
    rows.push(tokio_cron_scheduler(rate, seconds).await?);
    match apscheduler(python, rate, seconds).await {
        Ok(row) => rows.push(row),
        Err(error) => eprintln!("left out: APScheduler ({error})"),
    }
    Ok(rows)
}

pub(super) fn ratios(rows: &[Row]) -> Vec<Ratio> {
    let p99 = |name| rows.iter().find(|row| row.scheduler == name).map(|row| row.p99_ms);
    let named = [
        ("lateness p99, spread over the second: recorded, ms", SPREAD[0]),
        ("lateness p99, spread over the second: claimed, ms", SPREAD[1]),
    ];
    let ratio = |(what, name)| Some(Ratio { what, ratio: p99(name)?, target: Target::AtMost(10.0) });
    named.into_iter().filter_map(ratio).collect()
}

async fn wren(
    database: PathBuf,
    names: [&'static str; 2],
    seconds: u32,
    schedules: impl FnOnce(DateTime<Utc>) -> Vec<Schedule>,
) -> Result<Vec<Row>, Failure> {
    let store = Arc::new(SqliteStore::open_path(database).await?);
    let owner = OwnerId::new("bench")?;
    let start = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(8);
    let end = start + TimeDelta::seconds(i64::from(seconds));
    workload::deploy(&*store, &owner, &schedules(start), "def main():\n    pass\n").await?;
    let mut options = EngineOptions::default();
    options.per_owner = 10_000;
    options.per_deployment = 10_000;
    options.concurrency = 256;
    let engine = Engine::builder().shared_store(store.clone()).executor(Nothing).options(options).build()?;
    if Utc::now() >= start {
        return Err("deploying took longer than the time until they are due".into());
    }
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    tokio::time::sleep((end + TimeDelta::seconds(2) - Utc::now()).to_std().unwrap_or_default()).await;
    shutdown.cancel();
    running.await??;
    let runs = world::runs(&*store, &owner).await?;
    let recorded = runs.iter().map(|run| late_ms(run.scheduled_for, run.created_at)).collect();
    let claimed = runs.iter().filter_map(|run| Some(late_ms(run.scheduled_for, run.started_at?))).collect();
    Ok(vec![Row::new(names[0], runs.len(), recorded, true), Row::new(names[1], runs.len(), claimed, true)])
}

async fn tokio_cron_scheduler(rate: usize, seconds: u32) -> Result<Row, Failure> {
    let scheduler = JobScheduler::new().await?;
    let late = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..rate {
        let late = Arc::clone(&late);
        let job = Job::new("* * * * * *", move |_, _| {
            late.lock().push(since_the_second(Utc::now()));
        })?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    tokio::time::sleep(std::time::Duration::from_secs(u64::from(seconds))).await;
    let late = std::mem::take(&mut *late.lock());
    Ok(Row::new("tokio-cron-scheduler", rate * seconds as usize, late, false))
}

fn since_the_second(now: DateTime<Utc>) -> f64 {
    late_ms(now.trunc_subsecs(0), now)
}

#[derive(Debug, Deserialize)]
struct Answer {
    late_ms: Vec<f64>,
}

async fn apscheduler(python: &Path, rate: usize, seconds: u32) -> Result<Row, Failure> {
    let output = Command::new(python).args(["-c", SCRIPT, &rate.to_string(), &seconds.to_string()]).output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("it said nothing").to_owned().into());
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)?;
    Ok(Row::new("APScheduler", rate * seconds as usize, answer.late_ms, false))
}
