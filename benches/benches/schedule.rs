//! The scheduler's hot path: parsing, the next due time, and taking what is due from a planner of 1,000 and 1,000,000.

use std::hint::black_box;

use chrono::TimeDelta;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wren_bench::{cron, planner, start};
use wren_core::schedule::{CronExpr, Scheduler};

fn expressions(criterion: &mut Criterion) {
    criterion.bench_function("parse/five fields", |bench| {
        bench.iter(|| CronExpr::parse(black_box("*/15 9-17 1,15 jan-jun mon-fri")));
    });
    for (name, zone) in [("utc", "UTC"), ("dublin", "Europe/Dublin")] {
        let schedule = cron("0 9 * * mon-fri", zone);
        let mut after = start();
        criterion.bench_function(&format!("next/{name}"), |bench| {
            bench.iter(|| {
                after = schedule.next_after(black_box(after)).unwrap_or_else(start);
                after
            });
        });
    }
}

fn pop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pop_due");
    group.sample_size(10);
    for count in [1_000u128, 1_000_000] {
        let planner = planner(count);
        let mut now = start();
        group.throughput(Throughput::Elements(1_000));
        group.bench_function(format!("1000 of {count}"), |bench| {
            let mut taken = Vec::with_capacity(1_000);
            bench.iter(|| {
                taken.clear();
                while taken.len() < 1_000 {
                    planner.pop_due_into(now, 1_000 - taken.len(), &mut taken);
                    if taken.len() < 1_000 {
                        now += TimeDelta::minutes(1);
                    }
                }
                black_box(taken.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, expressions, pop);
criterion_main!(benches);
