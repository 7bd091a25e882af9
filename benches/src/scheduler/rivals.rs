//! Schedulers that others use.

use std::time::{Duration, Instant};

use chrono_tz::Tz;
use serde::Serialize;
use tokio_cron_scheduler::{Job, JobScheduler};

use crate::Failure;
use crate::machine::own_memory;

/// What adding jobs took.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    scheduler: &'static str,
    jobs: u32,
    add_us: f64,
    kib_each: f64,
}

impl Row {
    pub(super) fn new(scheduler: &'static str, jobs: u32, took: Duration, bytes: u64) -> Self {
        let each = f64::from(jobs.max(1));
        Self { scheduler, jobs, add_us: took.as_secs_f64() * 1e6 / each, kib_each: bytes as f64 / 1024.0 / each }
    }

    pub(super) fn cells(&self) -> Vec<String> {
        let Self { scheduler, jobs, add_us, kib_each } = self;
        vec![(*scheduler).to_owned(), jobs.to_string(), format!("{add_us:.1}"), format!("{kib_each:.2}")]
    }
}

/// Returns an expression of its own for each of many jobs.
pub(super) fn expression(job: u32) -> String {
    format!("{} {} * * *", job % 60, job / 60 % 24)
}

pub(super) async fn tokio_cron_scheduler(jobs: u32) -> Result<Row, Failure> {
    let before = own_memory();
    let started = Instant::now();
    let scheduler = JobScheduler::new().await?;
    for job in 0..jobs {
        let expression = format!("0 {}", expression(job));
        scheduler.add(Job::new_tz(expression.as_str(), Tz::Europe__Dublin, |_, _| {})?).await?;
    }
    Ok(Row::new("tokio-cron-scheduler", jobs, started.elapsed(), own_memory().saturating_sub(before)))
}
