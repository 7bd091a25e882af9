//! Due times that the store refuses, and records that are old.

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use wren_core::clock::Clock;
use wren_core::model::RunState;
use wren_core::{DeploymentId, RunId};

use crate::support::faulty::{Fault, Op};
use crate::support::{World, all_done};
use crate::{JOB, ended, every, faulty, run_now};

#[tokio::test(flavor = "multi_thread")]
async fn a_due_time_that_the_store_refuses_keeps_no_other_waiting_and_is_recorded_once_it_can_be() {
    let (store, mut world) = faulty(|_| {});
    let mut triggers = Vec::new();
    for number in 0..64 {
        let script = every("\"1h\"").replace("tick", &format!("tick_{number}"));
        let id = world.deploy(&script).await;
        triggers.push(world.engine.deployment(&world.owner, id).await.unwrap().triggers[0].id);
    }
    let poison = triggers[5];
    store.refuse_fires(move |fire| fire.trigger_id == poison);
    world.run();
    world.clock.advance(TimeDelta::hours(1));
    let runs = world.until("the others", all_done(63)).await;
    assert!(runs.iter().all(|run| run.trigger_id != Some(poison) && run.state == RunState::Success));

    let due = world.clock.now();
    store.mend();
    let step = TimeDelta::seconds(20);
    let runs = world.pass_time_until("the one that was refused", step, all_done(64)).await;
    assert!(runs.iter().any(|run| run.trigger_id == Some(poison) && run.scheduled_for == due));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn due_times_whose_answer_is_lost_become_one_run_each() {
    let (store, mut world) = faulty(|_| {});
    world.deploy(&every("\"1s\", catch_up=\"all\", overlap=\"allow\"")).await;
    store.inject(Op::RecordFires, 2, Fault::Forgotten);
    world.run();
    world.clock.advance(TimeDelta::seconds(3));
    let runs = world.until("three runs", all_done(3)).await;
    store.all_calls(Op::RecordFires, 3).await;
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(runs.len(), 3);
    assert_eq!(world.until("the next one", all_done(4)).await.len(), 4);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_answered_stops_nothing_for_ever() {
    for op in [Op::RecordFires, Op::Claim, Op::Finish] {
        let (store, mut world) = faulty(|_| {});
        world.deploy(&every("\"1s\"")).await;
        world.run();
        store.all_calls(Op::ScanTriggers, 1).await;
        store.inject(op, 1, Fault::HeldBefore(CancellationToken::new()));
        world.clock.advance(TimeDelta::seconds(1));
        let runs = world.until(&format!("the run in spite of {op:?}"), all_done(1)).await;
        assert_eq!((runs[0].state, runs[0].attempt), (RunState::Success, 1));
        world.stop().await;
    }
}

async fn success(world: &World, id: DeploymentId) -> RunId {
    let run = run_now(world, id).await;
    assert_eq!(ended(world, run).await.state, RunState::Success);
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn old_runs_are_deleted_while_the_engine_runs_and_recent_ones_stay() {
    let (_store, mut world) = faulty(|_| {});
    let job = world.deploy(JOB).await;
    world.run();
    success(&world, job).await;
    world.clock.advance(TimeDelta::days(29));
    let recent = success(&world, job).await;
    assert_eq!(world.runs().await.len(), 2);
    world.clock.advance(TimeDelta::days(2));
    let runs = world.pass_time_until("the old one to go", TimeDelta::minutes(5), |runs| runs.len() == 1).await;
    assert_eq!(runs[0].id, recent);
    world.stop().await;
}
