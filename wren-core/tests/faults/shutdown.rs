//! What a shutdown waits for, and what it does not.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wren_core::model::RunState;

use crate::support::faulty::{Fault, Op};
use crate::support::{Act, World};
use crate::{JOB, ended, faulty, run_now, started};

/// Longer than the drain and the quarter of a minute that `Engine::run` promises to need at most after it.
async fn stop_in_time(world: &mut World) {
    let stopped = tokio::time::timeout(Duration::from_millis(15_500), world.stop()).await;
    assert!(stopped.is_ok(), "the engine did not stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_within_the_drain_ends_as_success() {
    let (_store, mut world) = faulty(|_| {});
    let job = world.deploy(JOB).await;
    let gate = CancellationToken::new();
    world.acting.act("job", Act::Wait(gate.clone()));
    world.run();
    let id = run_now(&world, job).await;
    started(&world, id).await;
    world.shutdown.cancel();
    gate.cancel();
    world.stop().await;
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.attempt), (RunState::Success, 1));
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_does_not_let_go_keeps_no_shutdown_waiting() {
    let (_store, mut world) = faulty(|options| options.drain_ms = 50);
    let job = world.deploy(JOB).await;
    world.acting.act("job", Act::Wait(CancellationToken::new()));
    world.run();
    let id = run_now(&world, job).await;
    started(&world, id).await;
    stop_in_time(&mut world).await;
    assert_eq!(world.running(), 0, "its future is dropped");
    let (run, _) = world.engine.run_with_attempts(&world.owner, id).await.unwrap();
    assert_eq!((run.state, run.attempt), (RunState::Queued, 2));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_keeps_no_shutdown_waiting() {
    for op in [Op::Claim, Op::Extend, Op::Rescue, Op::Revision, Op::AppendLogs, Op::Finish, Op::ScanTriggers] {
        let (store, mut world) = faulty(|options| {
            options.drain_ms = 50;
            options.reconcile_ms = 100;
        });
        let job = world.deploy(JOB).await;
        world.acting.act("job", if op == Op::Finish { Act::Return } else { Act::PrintAndHang(100) });
        let id = run_now(&world, job).await;
        store.inject(op, usize::MAX, Fault::HeldBefore(CancellationToken::new()));
        world.run();
        store.more_calls(op, 1).await;
        stop_in_time(&mut world).await;
        let (run, _) = world.engine.run_with_attempts(&world.owner, id).await.unwrap();
        assert!(!run.state.is_terminal(), "{op:?}: {:?}", run.state);
    }
}
