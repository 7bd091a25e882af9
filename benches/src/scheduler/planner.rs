//! The planner by itself.

use std::hint::black_box;
use std::time::Instant;

use chrono::TimeDelta;
use serde::Serialize;
use std::sync::Arc;
use wren_bench::{cron, planner, start};
use wren_core::schedule::{Planner, PlannerEntry, Scheduler};

use super::rivals;
use crate::machine::own_memory;

/// Due times that are taken to measure how fast that is.
const POPS: usize = 4_000_000;

/// A plan of some size.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    triggers: u128,
    add_ns: f64,
    pub(super) bytes_each: f64,
    /// Million due times taken a second.
    pub(super) pops_m: f64,
}

impl Row {
    pub(super) fn cells(&self) -> Vec<String> {
        let Self { triggers, add_ns, bytes_each, pops_m } = self;
        vec![triggers.to_string(), format!("{add_ns:.0}"), format!("{bytes_each:.0}"), format!("{pops_m:.1}")]
    }
}

/// Returns sizes that grow tenfold up to the largest.
pub(super) fn sizes(largest: u128) -> impl Iterator<Item = u128> {
    std::iter::successors(Some(1_000), |size| Some(size * 10)).take_while(move |size| *size < largest).chain([largest])
}

pub(super) fn measure(triggers: u128) -> Row {
    let before = own_memory();
    let started = Instant::now();
    let planner = planner(triggers);
    let add_ns = started.elapsed().as_secs_f64() * 1e9 / triggers as f64;
    let bytes_each = own_memory().saturating_sub(before) as f64 / triggers as f64;
    let mut now = start();
    let mut due = Vec::with_capacity(1_000);
    let mut taken = 0;
    let started = Instant::now();
    while taken < POPS {
        due.clear();
        planner.pop_due_into(now, 1_000, &mut due);
        if due.is_empty() {
            now += TimeDelta::minutes(1);
        }
        taken += black_box(due.len());
    }
    let pops_m = taken as f64 / started.elapsed().as_secs_f64() / 1e6;
    Row { triggers, add_ns, bytes_each, pops_m }
}

/// Adds jobs as the other schedulers get them: each expression is parsed, none is shared.
pub(super) fn as_rival(jobs: u32) -> rivals::Row {
    let before = own_memory();
    let started = Instant::now();
    let planner = Planner::new();
    for job in 0..jobs {
        let schedule = Arc::new(cron(&rivals::expression(job), "Europe/Dublin"));
        planner.upsert(PlannerEntry { key: job.into(), schedule, after: start() });
    }
    let row = rivals::Row::new("wren", jobs, started.elapsed(), own_memory().saturating_sub(before));
    black_box(planner.len());
    row
}
