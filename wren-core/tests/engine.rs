//! The engine at its seams: due times become runs, runs become terminal, whatever happens meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use support::{Act, World, all_done, start_time, states};
use tokio_util::sync::CancellationToken;
use wren_core::clock::{Clock, ManualClock};
use wren_core::engine::RunNow;
use wren_core::memory::MemoryStore;
use wren_core::model::{DeploymentStatus, LogStream, Run, RunState, SkipReason};
use wren_core::{ErrorClass, ErrorCode};

const EVERY_SECOND: &str = "import wren\n\n@wren.on_schedule(every=\"1s\")\ndef tick():\n    pass\n";

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
async fn a_process_that_comes_back_records_each_missed_due_time_once_and_runs_the_latest() {
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
async fn an_orphan_is_left_alone_during_its_lease_and_runs_again_after_it() {
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
    // Another run that ends shows that the second engine has looked for orphans and for work.
    let other = second.deploy("def other():\n    pass\n").await;
    let other = second.engine.run_now(&second.owner, other, RunNow::default()).await.unwrap();
    second.engine.wait_for(&second.owner, other.id).await.unwrap();
    let (held, _) = second.engine.run_with_attempts(&second.owner, run.id).await.unwrap();
    assert_eq!((held.state, held.attempt), (RunState::Running, 1), "the lease still holds");
    clock.advance(TimeDelta::seconds(16));
    second.until("the rescue", all_done(2)).await;
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
    world.acting.act("tick", Act::FailTimes(2, ErrorCode::ScriptException));
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
async fn a_run_that_the_executor_ends_at_its_timeout_ends_as_timeout() {
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
    world.engine.pause(&world.owner, id, None, None).await.unwrap();
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
    assert_eq!(runs[0].state, RunState::Running, "the first one is left alone");
    world.engine.cancel(&world.owner, runs[0].id).await.unwrap();
    world.engine.wait_for(&world.owner, runs[0].id).await.unwrap();
    world.acting.act("tick", Act::Return);
    world.clock.advance(TimeDelta::seconds(1));
    let runs = world.until("the third due time", all_done(3)).await;
    assert_eq!(states(&runs), [RunState::Cancelled, RunState::Skipped, RunState::Success]);
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
async fn a_failure_that_only_the_user_can_mend_is_not_retried_and_parks_the_deployment() {
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
async fn a_run_whose_executor_cannot_work_is_given_back_and_uses_up_no_retry() {
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
async fn limits_are_reached_and_hold_in_all_and_per_deployment() {
    let mut world = World::new(|options| {
        options.concurrency = 3;
        options.per_deployment = 2;
    });
    let both = [world.deploy("def job():\n    pass\n").await, world.deploy("def other():\n    pass\n").await];
    world.acting.act("job", Act::Hang);
    world.acting.act("other", Act::Hang);
    for id in both {
        for _ in 0..4 {
            world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap();
        }
    }
    world.run();
    let running = |runs: &[Run]| runs.iter().filter(|run| run.state == RunState::Running).cloned().collect::<Vec<_>>();
    for ended in 0..5 {
        let runs = world.until("three to run", |runs| running(runs).len() == 3).await;
        let active = running(&runs);
        for id in both {
            let of_one = active.iter().filter(|run| run.deployment_id == id).count();
            assert!((1..=2).contains(&of_one), "{of_one} of one deployment after {ended} have ended");
        }
        // Of the one with two, so that each is left with one to go on.
        let busy = both.iter().max_by_key(|id| active.iter().filter(|run| run.deployment_id == **id).count()).unwrap();
        let run = active.iter().find(|run| run.deployment_id == *busy).unwrap();
        world.engine.cancel(&world.owner, run.id).await.unwrap();
        world.engine.wait_for(&world.owner, run.id).await.unwrap();
    }
    assert_eq!(world.acting.most_running.load(Ordering::SeqCst), 3);
    for run in world.runs().await.iter().filter(|run| !run.state.is_terminal()) {
        world.engine.cancel(&world.owner, run.id).await.unwrap();
    }
    world.stop().await;
}

#[tokio::test]
async fn a_shutdown_gives_back_runs_that_do_not_end_within_the_drain() {
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
async fn the_same_content_is_the_same_revision_and_a_broken_script_changes_nothing() {
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
