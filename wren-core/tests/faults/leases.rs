//! Claims that are lost, kept over outages and over clocks that jump.

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use wren_core::clock::Clock;
use wren_core::model::{AttemptEnd, Fence, Run, RunState};
use wren_core::store::{Held, RunStore};

use crate::support::Act;
use crate::support::faulty::{Fault, Op};
use crate::{JOB, ended, faulty, run_now, started, texts};

fn held(run: &Run) -> Held {
    Held { run_id: run.id, fence: Fence { epoch: run.epoch } }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_lost_its_lease_leaves_the_next_one_alone_and_writes_nothing() {
    let (store, mut world) = faulty(|options| options.lease_ms = 300);
    let job = world.deploy(JOB).await;
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    world.acting.act("job", Act::Wait(first.clone()));
    world.run();
    let id = run_now(&world, job).await;
    started(&world, id).await;
    world.acting.act("job", Act::Wait(second.clone()));

    let later = world.clock.now() + TimeDelta::seconds(1);
    store.inner.rescue_expired(later, 10).await.unwrap();
    world.clock.set(later);
    let again = |runs: &[Run]| runs[0].attempt == 2 && runs[0].state == RunState::Running;
    let run = world.until("the second attempt", again).await.remove(0);
    world.until("both to run side by side", |_| world.running() == 2).await;
    first.cancel();
    world.until("the first to end", |_| world.running() == 1).await;
    store.heartbeats(held(&run), 3).await;
    second.cancel();

    assert_eq!(ended(&world, id).await.result, Some(2.into()));
    let (_, attempts) = world.engine.run_with_attempts(&world.owner, id).await.unwrap();
    let ends: Vec<_> = attempts.iter().map(|attempt| attempt.end.unwrap()).collect();
    assert_eq!(ends, [AttemptEnd::Lost, AttemptEnd::Success]);
    let texts = texts(&world, id).await;
    assert!(!texts.contains(&"late 1".to_owned()) && texts.contains(&"late 2".to_owned()), "{texts:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_forward_between_heartbeat_and_rescue_orphans_no_healthy_run() {
    let (store, mut world) = faulty(|_| {});
    let job = world.deploy(JOB).await;
    let gate = CancellationToken::new();
    world.acting.act("job", Act::Wait(gate.clone()));
    world.run();
    let id = run_now(&world, job).await;
    started(&world, id).await;

    store.all_calls(Op::Rescue, 1).await;
    let answer = CancellationToken::new();
    store.inject(Op::Extend, usize::MAX, Fault::HeldAfter(answer.clone()));
    let (extends, rescues) = (store.calls(Op::Extend), store.calls(Op::Rescue));
    world.clock.advance(TimeDelta::seconds(6));
    store.all_calls(Op::Extend, extends + 2).await;
    world.clock.advance(TimeDelta::hours(1));
    store.mend();
    answer.cancel();
    store.all_calls(Op::Rescue, rescues + 1).await;
    gate.cancel();
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.attempt, run.orphaned), (RunState::Success, 1, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_stops_neither_heartbeats_nor_claims() {
    let (store, mut world) = faulty(|options| options.lease_ms = 300);
    let job = world.deploy(JOB).await;
    let gate = CancellationToken::new();
    world.acting.act("job", Act::Wait(gate.clone()));
    world.run();
    let id = run_now(&world, job).await;
    let run = started(&world, id).await;
    world.acting.act("job", Act::Return);

    world.clock.advance(TimeDelta::hours(-1));
    store.heartbeats(held(&run), 3).await;
    let next = run_now(&world, job).await;
    assert_eq!(ended(&world, next).await.state, RunState::Success);
    gate.cancel();
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.attempt), (RunState::Success, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_lands_after_an_outage_that_is_longer_than_the_lease() {
    let (store, mut world) = faulty(|_| {});
    let job = world.deploy(JOB).await;
    let gate = CancellationToken::new();
    world.acting.act("job", Act::Wait(gate.clone()));
    world.run();
    let id = run_now(&world, job).await;
    started(&world, id).await;

    store.take_down(&[Op::Claim, Op::Extend, Op::Finish, Op::AppendLogs, Op::Rescue]);
    let (ends, extends) = (store.calls(Op::Finish), store.calls(Op::Extend));
    gate.cancel();
    store.all_calls(Op::Finish, ends + 1).await;
    world.clock.advance(TimeDelta::minutes(1));
    store.all_calls(Op::Extend, extends + 1).await;
    store.mend();
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.attempt, run.orphaned), (RunState::Success, 1, 0));
    assert_eq!(texts(&world, id).await, ["attempt 1", "late 1"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_whose_answer_is_lost_is_recorded_once() {
    let (store, mut world) = faulty(|_| {});
    let job = world.deploy(JOB).await;
    store.inject(Op::Finish, 2, Fault::Forgotten);
    world.acting.act("job", Act::Print(1));
    world.run();
    let id = run_now(&world, job).await;
    let run = ended(&world, id).await;
    assert_eq!((run.state, run.attempt), (RunState::Success, 1));
    store.all_calls(Op::Finish, 3).await;
    assert_eq!(texts(&world, id).await.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_between_claim_and_start_ends_the_run_before_its_next_regular_heartbeat() {
    let (store, mut world) = faulty(|options| options.lease_ms = 3_600_000);
    let job = world.deploy(JOB).await;
    world.acting.act("job", Act::Hang);
    let id = run_now(&world, job).await;
    let answer = CancellationToken::new();
    store.inject(Op::Claim, 1, Fault::HeldAfter(answer.clone()));
    // A rescue begins with a heartbeat of its own; this one never comes to its next.
    store.inject(Op::Rescue, usize::MAX, Fault::HeldBefore(CancellationToken::new()));
    world.run();
    store.all_calls(Op::Claim, 1).await;
    let run = world.engine.cancel(&world.owner, id).await.unwrap();
    assert_eq!((run.state, run.cancel_requested), (RunState::Running, true));
    answer.cancel();
    assert_eq!(ended(&world, id).await.state, RunState::Cancelled);
    world.stop().await;
}
