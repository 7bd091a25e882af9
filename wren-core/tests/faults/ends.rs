//! How runs end when something else than the script goes wrong.

use serde_json::json;
use wren_core::ErrorCode;
use wren_core::model::{Completion, DeploymentStatus, Run, RunState};

use crate::support::Act;
use crate::support::faulty::{Fault, Op};
use crate::{JOB, ended, every, faulty, run_now, started};

fn at_most_once() -> String {
    every("\"1h\", delivery=\"at_most_once\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_store_refuses_ends_the_run_as_failed() {
    let (store, mut world) = faulty(|_| {});
    store.refuse_ends(|end| end.completion == Completion::Success(json!(1)));
    let job = world.deploy(JOB).await;
    world.run();
    let id = run_now(&world, job).await;
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.error.unwrap().code), (RunState::Failed, ErrorCode::Internal));
    let next = run_now(&world, job).await;
    assert_eq!(ended(&world, next).await.state, RunState::Success);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_once_is_lost_when_a_shutdown_ends_it() {
    let (_store, mut world) = faulty(|options| options.drain_ms = 20);
    let tick = world.deploy(&at_most_once()).await;
    world.acting.act("tick", Act::Hang);
    world.run();
    let id = run_now(&world, tick).await;
    started(&world, id).await;
    world.stop().await;
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.error.unwrap().code), (RunState::Failed, ErrorCode::WorkerLost));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_once_is_lost_when_the_executor_fails_in_the_midst() {
    let (_store, mut world) = faulty(|_| {});
    let tick = world.deploy(&at_most_once()).await;
    world.acting.act("tick", Act::Unable(1));
    world.run();
    let id = run_now(&world, tick).await;
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.error.unwrap().code), (RunState::Failed, ErrorCode::WorkerLost));
    assert_eq!(world.acting.calls("tick"), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_once_runs_later_when_its_script_could_not_be_read() {
    let (store, mut world) = faulty(|_| {});
    let tick = world.deploy(&at_most_once()).await;
    let id = run_now(&world, tick).await;
    store.inject(Op::Revision, 1, Fault::Down);
    world.run();
    let given_back = |runs: &[Run]| runs[0].state == RunState::Queued && runs[0].attempt == 2;
    let runs = world.until("it to be given back", given_back).await;
    assert_eq!(world.acting.calls("tick"), 0);
    world.clock.set(runs[0].not_before);
    assert_eq!(ended(&world, id).await.state, RunState::Success);
    assert_eq!(world.acting.calls("tick"), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_script_never_arrives_can_be_cancelled() {
    let (store, mut world) = faulty(|_| {});
    let job = world.deploy(JOB).await;
    let id = run_now(&world, job).await;
    store.inject(Op::Revision, 1, Fault::HeldBefore(tokio_util::sync::CancellationToken::new()));
    let before = store.calls(Op::Revision);
    world.run();
    store.all_calls(Op::Revision, before + 1).await;
    world.engine.cancel(&world.owner, id).await.unwrap();
    assert_eq!(ended(&world, id).await.state, RunState::Cancelled);
    assert_eq!(world.acting.calls("job"), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_retried_and_parks_no_deployment() {
    let (_store, mut world) = faulty(|_| {});
    let tick = world.deploy(&every("\"1h\", retries=1")).await;
    world.acting.act("tick", Act::FailTimes(1, ErrorCode::RateLimited));
    world.run();
    let id = run_now(&world, tick).await;
    let waits = |runs: &[Run]| runs[0].state == RunState::Queued && runs[0].attempt == 2;
    let runs = world.until("the retry to wait", waits).await;
    world.clock.set(runs[0].not_before);
    assert_eq!(ended(&world, id).await.state, RunState::Success);

    let job = world.deploy(JOB).await;
    world.acting.act("job", Act::Fail(ErrorCode::RateLimited));
    let id = run_now(&world, job).await;
    assert_eq!(ended(&world, id).await.state, RunState::Failed);
    // What follows from an end is over when the engine has stopped.
    world.stop().await;
    for id in [tick, job] {
        let overview = world.engine.deployment(&world.owner, id).await.unwrap();
        assert_eq!(overview.deployment.status, DeploymentStatus::Active);
    }
}
