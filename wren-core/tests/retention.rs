//! What has ended long ago goes: first what it printed, then the run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use support::{World, all_done, start_time};
use wren_core::clock::{Clock as _, ManualClock};
use wren_core::engine::RunNow;
use wren_core::memory::MemoryStore;
use wren_core::model::Run;
use wren_core::store::{Namespace, PutOptions, RecordStore as _};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// Waits on a paused clock of Tokio's until the runs are as wanted: nobody is told of what is deleted.
async fn housekept(world: &World, what: &str, wanted: impl Fn(&[Run]) -> bool) -> Vec<Run> {
    for _ in 0..1_000 {
        let runs = world.runs().await;
        if wanted(&runs) {
            return runs;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    panic!("waited in vain for {what}");
}

#[tokio::test(start_paused = true)]
async fn logs_go_before_their_runs_and_a_run_says_that_they_went() {
    let mut world = World::new(|options| {
        options.log_retention_ms = Some(HOUR_MS);
        options.retention_ms = Some(10 * HOUR_MS);
    });
    let id = world.deploy("def job():\n    pass\n").await;
    world.run();
    // More than are done at once.
    for _ in 0..120 {
        world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    }
    let old = world.until("their ends", all_done(120)).await;
    assert!(old.iter().all(|run| !run.logs_pruned));
    world.clock.advance(TimeDelta::hours(2));
    let new = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.until("its end", all_done(121)).await;

    let pruned = |runs: &[Run]| runs.iter().filter(|run| run.logs_pruned).count();
    let runs = housekept(&world, "the end of old logs", |runs| pruned(runs) == 120).await;
    assert_eq!(runs.len(), 121);
    for run in &runs {
        let lines = world.engine.logs(&world.owner, run.id, 0, 10).await.unwrap();
        assert_eq!(lines.is_empty(), run.id != new.id);
    }

    world.clock.advance(TimeDelta::hours(9));
    let runs = housekept(&world, "the end of old runs", |runs| runs.len() == 1 && pruned(runs) == 1).await;
    assert_eq!(runs[0].id, new.id);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_does_not_keep_logs_for_ever() {
    let store = Arc::new(MemoryStore::default());
    let clock = ManualClock::new(start_time());
    let mut world = World::on(store.clone(), clock, |options| options.log_retention_ms = Some(HOUR_MS));
    let id = world.deploy("def job():\n    pass\n").await;
    // What a server whose clock was wrong has left behind.
    let (space, ahead) = (Namespace::system("retention"), world.clock.now() + TimeDelta::days(30_000));
    let options = PutOptions::at(world.clock.now());
    store.put_record(&space, "logs", ahead.to_rfc3339().into(), options).await.unwrap();
    world.run();
    world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.until("its end", all_done(1)).await;
    world.clock.advance(TimeDelta::hours(2));
    housekept(&world, "the end of its log", |runs| runs[0].logs_pruned).await;
    world.stop().await;
}
