//! The engine at its seams: due times become runs, runs become terminal, whatever happens meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use support::{Act, World, start_time, states};
use tokio_util::sync::CancellationToken;
use wren_core::clock::{Clock, ManualClock};
use wren_core::engine::RunNow;
use wren_core::memory::MemoryStore;
use wren_core::model::{DeploymentStatus, LogStream, Run, RunState, SkipReason};
use wren_core::{ErrorClass, ErrorCode};

const EVERY_SECOND: &str = "import wren\n\n@wren.on_schedule(every=\"1s\")\ndef tick():\n    pass\n";

fn all_done(count: usize) -> impl Fn(&[Run]) -> bool {
    move |runs| runs.len() >= count && runs.iter().all(|run| run.state.is_terminal())
}

#[tokio::test]
async fn each_due_time_becomes_one_run_with_its_logs() {
    let mut world = World::new(|_| {});
    world.deploy(EVERY_SECOND).await;
    world.run();
    for second in 1..=3 {
        world.clock.advance(TimeDelta::seconds(1));
        world.until("the run", all_done(second)).await;
    }
    let runs = world.runs().await;
    assert_eq!(states(&runs), [RunState::Success; 3]);
    for (place, run) in runs.iter().enumerate() {
        assert_eq!(run.scheduled_for, start_time() + TimeDelta::seconds(i64::try_from(place).unwrap() + 1));
        let logs = world.engine.logs(&world.owner, run.id, 0, 10).await.unwrap();
        assert_eq!(logs[0].text, "attempt 1");
        assert_eq!(run.isolation.as_ref().unwrap().executor, "acting");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_process_that_comes_back_fires_what_was_missed_once() {
    let clock = ManualClock::new(start_time());
    let store = Arc::new(MemoryStore::default());
    let mut first = World::on(store.clone(), clock.clone(), |_| {});
    first.deploy(EVERY_SECOND).await;
    first.run();
    clock.advance(TimeDelta::seconds(1));
    first.until("the first run", all_done(1)).await;
    first.crash().await;

    clock.advance(TimeDelta::seconds(5));
    let mut second = World::on(store, clock.clone(), |_| {});
    second.run();
    let runs = second.until("the missed ones", all_done(6)).await;
    let due: HashSet<_> = runs.iter().map(|run| run.scheduled_for).collect();
    assert_eq!((runs.len(), due.len()), (6, 6));
    let coalesced = runs.iter().filter(|run| run.skip_reason == Some(SkipReason::Coalesced)).count();
    assert_eq!(coalesced, 4, "the latest missed one runs, those before it are recorded as coalesced");
    assert_eq!(runs[5].state, RunState::Success);
    second.stop().await;
}

#[tokio::test]
async fn an_orphan_is_rescued_after_its_lease_and_runs_again() {
    let clock = ManualClock::new(start_time());
    let store = Arc::new(MemoryStore::default());
    let mut first = World::on(store.clone(), clock.clone(), |_| {});
    let id = first.deploy("def job():\n    pass\n").await;
    first.acting.act("job", Act::Hang);
    first.run();
    let run = first.engine.run_now(&first.owner, id, RunNow::default()).await.unwrap();
    first.until("it to run", |runs| runs[0].state == RunState::Running).await;
    first.crash().await;

    let mut second = World::on(store, clock.clone(), |_| {});
    second.run();
    assert_eq!(second.runs().await[0].state, RunState::Running, "the lease still holds");
    clock.advance(TimeDelta::seconds(16));
    second.until("the rescue", all_done(1)).await;
    let (run, attempts) = second.engine.run_with_attempts(&second.owner, run.id).await.unwrap();
    assert_eq!((run.state, run.attempt, run.orphaned), (RunState::Success, 2, 1));
    assert_eq!(attempts.len(), 2);
    second.stop().await;
}

#[tokio::test]
async fn a_failure_is_retried_with_backoff_until_it_succeeds() {
    let mut world = World::new(|_| {});
    let script = EVERY_SECOND.replace("every=\"1s\"", "every=\"1h\", retries=3");
    world.deploy(&script).await;
    world.acting.act("tick", Act::FailTimes(2));
    world.run();
    world.clock.advance(TimeDelta::hours(1));
    for attempt in 2..=3 {
        let queued = |runs: &[Run]| runs.len() == 1 && runs[0].state == RunState::Queued && runs[0].attempt == attempt;
        let runs = world.until("the retry to be queued", queued).await;
        let wait = runs[0].not_before - world.clock.now();
        assert!(wait > TimeDelta::zero(), "a retry waits");
        assert_eq!(world.acting.calls("tick"), attempt as usize - 1, "not before its time");
        world.clock.set(runs[0].not_before);
    }
    let runs = world.until("success", all_done(1)).await;
    assert_eq!((runs[0].state, runs[0].attempt), (RunState::Success, 3));
    let logs = world.engine.logs(&world.owner, runs[0].id, 0, 100).await.unwrap();
    let system: Vec<_> = logs.iter().filter(|entry| entry.stream == LogStream::System).collect();
    assert_eq!(system.len(), 2);
    assert!(system[0].text.contains("SCRIPT_EXCEPTION"), "{}", system[0].text);
    world.stop().await;
}

#[tokio::test]
async fn a_timeout_is_a_state_of_its_own() {
    let mut world = World::new(|_| {});
    let id = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", Act::Timeout);
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    let run = world.engine.wait_for(&world.owner, run.id).await.unwrap();
    assert_eq!(run.state, RunState::Timeout);
    assert_eq!(run.error.unwrap().code, ErrorCode::RunTimeout);
    world.stop().await;
}

#[tokio::test]
async fn a_queued_and_a_running_run_can_be_cancelled() {
    let mut world = World::new(|options| options.concurrency = 1);
    let id = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", Act::Hang);
    world.run();
    let running = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.until("it to run", |runs| runs[0].state == RunState::Running).await;
    let queued = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();

    let cancelled = world.engine.cancel(&world.owner, queued.id).await.unwrap();
    assert_eq!(cancelled.state, RunState::Cancelled);
    world.engine.cancel(&world.owner, running.id).await.unwrap();
    let ended = world.engine.wait_for(&world.owner, running.id).await.unwrap();
    assert_eq!(ended.state, RunState::Cancelled);
    let again = world.engine.cancel(&world.owner, running.id).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::Conflict);
    world.stop().await;
}

#[tokio::test]
async fn a_paused_deployment_records_its_due_times_as_skipped() {
    let mut world = World::new(|_| {});
    let id = world.deploy(EVERY_SECOND).await;
    world.run();
    world.engine.pause(&world.owner, id, None).await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    let runs = world.until("the skipped run", all_done(1)).await;
    assert_eq!(runs[0].skip_reason, Some(SkipReason::Paused));
    world.engine.resume(&world.owner, id).await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    let runs = world.until("the next run", all_done(2)).await;
    assert_eq!(runs[1].state, RunState::Success);
    world.stop().await;
}

#[tokio::test]
async fn a_due_time_during_a_run_is_skipped_as_overlap() {
    let mut world = World::new(|_| {});
    world.deploy(EVERY_SECOND).await;
    world.acting.act("tick", Act::Hang);
    world.run();
    world.clock.advance(TimeDelta::seconds(1));
    world.until("it to run", |runs| runs.iter().any(|run| run.state == RunState::Running)).await;
    world.clock.advance(TimeDelta::seconds(1));
    let runs = world.until("the second due time", |runs| runs.len() == 2).await;
    assert_eq!(runs[1].skip_reason, Some(SkipReason::Overlap));
    world.shutdown.cancel();
    let active = runs[0].id;
    world.engine.cancel(&world.owner, active).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn cancel_previous_ends_the_run_before() {
    let mut world = World::new(|_| {});
    world.deploy(&EVERY_SECOND.replace("\"1s\"", "\"1s\", overlap=\"cancel_previous\"")).await;
    world.acting.act("tick", Act::Hang);
    world.run();
    world.clock.advance(TimeDelta::seconds(1));
    world.until("it to run", |runs| runs.iter().any(|run| run.state == RunState::Running)).await;
    world.acting.act("tick", Act::Return);
    world.clock.advance(TimeDelta::seconds(1));
    let runs = world.until("both to end", all_done(2)).await;
    assert_eq!(states(&runs), [RunState::Cancelled, RunState::Success]);
    world.stop().await;
}

#[tokio::test]
async fn a_failure_that_only_the_user_can_mend_parks_the_deployment() {
    let mut world = World::new(|_| {});
    let id = world.deploy(&EVERY_SECOND.replace("\"1s\"", "\"1s\", retries=5")).await;
    world.acting.act("tick", Act::Fail(ErrorCode::OauthTokenExpired));
    world.run();
    world.clock.advance(TimeDelta::seconds(1));
    let runs = world.until("the failure", all_done(1)).await;
    assert_eq!((runs[0].state, runs[0].attempt), (RunState::Failed, 1), "no blind retry");
    assert_eq!(runs[0].error.as_ref().unwrap().class, ErrorClass::UserFacingConfigError);
    let parked = async {
        while world.engine.deployment(&world.owner, id).await.unwrap().deployment.status == DeploymentStatus::Active {
            world.engine.run_changed().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), parked).await.unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    let runs = world.until("the skipped run", all_done(2)).await;
    assert_eq!(runs[1].skip_reason, Some(SkipReason::NeedsAttention));
    world.stop().await;
}

#[tokio::test]
async fn an_executor_that_cannot_work_loses_no_run() {
    let mut world = World::new(|_| {});
    let id = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", Act::Unable(1));
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    let runs =
        world.until("it to be given back", |runs| runs[0].state == RunState::Queued && runs[0].attempt == 2).await;
    world.clock.set(runs[0].not_before);
    let run = world.engine.wait_for(&world.owner, run.id).await.unwrap();
    assert_eq!((run.state, run.failures), (RunState::Success, 0));
    world.stop().await;
}

#[tokio::test]
async fn limits_hold_globally_and_per_deployment() {
    let mut world = World::new(|options| {
        options.concurrency = 3;
        options.per_deployment = 2;
    });
    let first = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", Act::Hang);
    for _ in 0..5 {
        world.engine.run_now(&world.owner, first, RunNow::default()).await.unwrap();
    }
    world.run();
    let running = |count| move |runs: &[Run]| runs.iter().filter(|run| run.state == RunState::Running).count() == count;
    world.until("two of the deployment to run", running(2)).await;
    for _ in 0..3 {
        let runs = world.runs().await;
        let active: Vec<_> = runs.iter().filter(|run| run.state == RunState::Running).collect();
        world.engine.cancel(&world.owner, active[0].id).await.unwrap();
        world.engine.wait_for(&world.owner, active[0].id).await.unwrap();
        world.until("the next to take its place", running(2)).await;
    }
    assert_eq!(world.acting.most_running.load(Ordering::SeqCst), 2);
    for run in world.runs().await.iter().filter(|run| run.state == RunState::Running) {
        world.engine.cancel(&world.owner, run.id).await.unwrap();
    }
    world.stop().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_runs_and_gives_back_those_that_hang() {
    let mut world = World::new(|options| options.drain_ms = 50);
    let id = world.deploy("def job():\n    pass\n").await;
    world.acting.act("job", Act::Hang);
    world.run();
    world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.until("it to run", |runs| runs[0].state == RunState::Running).await;
    world.stop().await;
    let runs = world.runs().await;
    assert_eq!((runs[0].state, runs[0].attempt), (RunState::Queued, 2));
    assert_eq!(world.acting.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_engine_runs_once_at_a_time_and_again_after_it_ended() {
    let mut world = World::new(|_| {});
    let id = world.deploy("def job():\n    pass\n").await;
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    world.engine.wait_for(&world.owner, run.id).await.unwrap();
    let second = world.engine.run(CancellationToken::new()).await.unwrap_err();
    assert_eq!(second.code(), ErrorCode::Conflict);
    world.stop().await;
    world.shutdown = CancellationToken::new();
    world.run();
    let run = world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
    assert_eq!(world.engine.wait_for(&world.owner, run.id).await.unwrap().state, RunState::Success);
    world.stop().await;
}

#[tokio::test]
async fn the_same_content_is_the_same_revision_and_a_broken_one_changes_nothing() {
    let world = World::new(|_| {});
    let id = world.deploy(EVERY_SECOND).await;
    assert_eq!(world.deploy(EVERY_SECOND).await, id);
    assert_eq!(world.engine.deployment(&world.owner, id).await.unwrap().deployment.revision, 1);
    let broken = wren_core::deploy::DeployRequest {
        script: EVERY_SECOND.replace("1s", "soon"),
        name: Some("tick".into()),
        ..Default::default()
    };
    world.engine.deploy(&world.owner, broken).await.unwrap_err();
    let overview = world.engine.deployment(&world.owner, id).await.unwrap();
    assert_eq!((overview.deployment.revision, overview.deployment.status), (1, DeploymentStatus::Active));
    assert_eq!(overview.next_run(), Some(world.clock.now() + TimeDelta::seconds(1)));
}
