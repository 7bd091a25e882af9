//! What a run prints, on a store that takes its time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wren_core::model::RunState;

use crate::support::Act;
use crate::support::acting::printed;
use crate::support::faulty::{Fault, Op};
use crate::{JOB, ended, faulty, run_now, texts};

fn expected(lines: usize) -> Vec<String> {
    std::iter::once("attempt 1".to_owned()).chain((0..lines).map(printed)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_megabyte_arrives_in_order_and_once_though_every_append_is_slow() {
    let (store, mut world) = faulty(|_| {});
    store.inject(Op::AppendLogs, usize::MAX, Fault::Slow(Duration::from_millis(20)));
    let job = world.deploy(JOB).await;
    world.acting.act("job", Act::Print(1024));
    world.run();
    let id = run_now(&world, job).await;
    assert_eq!(ended(&world, id).await.state, RunState::Success);
    assert!(store.calls(Op::AppendLogs) > 1, "it is too much for the end alone");
    assert!(texts(&world, id).await == expected(1024), "lines are missing, doubled or out of order");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_the_store_refused_come_later_and_in_order() {
    let (store, mut world) = faulty(|_| {});
    store.inject(Op::AppendLogs, 1, Fault::Down);
    let job = world.deploy(JOB).await;
    world.acting.act("job", Act::Print(300));
    world.run();
    let id = run_now(&world, job).await;
    assert_eq!(ended(&world, id).await.state, RunState::Success);
    assert!(texts(&world, id).await == expected(300), "lines are missing, doubled or out of order");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_append_that_hangs_keeps_no_cancelled_run_alive_and_no_line_is_lost() {
    let (store, mut world) = faulty(|_| {});
    store.inject(Op::AppendLogs, usize::MAX, Fault::HeldBefore(CancellationToken::new()));
    let job = world.deploy(JOB).await;
    world.acting.act("job", Act::PrintAndHang(100));
    world.run();
    let id = run_now(&world, job).await;
    store.all_calls(Op::AppendLogs, 1).await;
    world.engine.cancel(&world.owner, id).await.unwrap();
    assert_eq!(ended(&world, id).await.state, RunState::Cancelled);
    assert!(texts(&world, id).await == expected(100), "lines are missing, doubled or out of order");
    world.stop().await;
}
