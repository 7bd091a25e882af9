//! Deploys that are dropped, forgotten, at once, or made by another engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use futures::future::join_all;
use futures::poll;
use tokio_util::sync::CancellationToken;
use wren_core::clock::{Clock, ManualClock};
use wren_core::deploy::DeployRequest;
use wren_core::model::RunState;
use wren_core::{ErrorCode, OwnerId};

use crate::support::faulty::{Fault, FaultyStore, Op};
use crate::support::{World, all_done, start_time};
use crate::{JOB, every, faulty};

fn request(script: &str) -> DeployRequest {
    DeployRequest { script: script.to_owned(), ..DeployRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_is_dropped_after_its_commit_fires() {
    let (store, mut world) = faulty(|_| {});
    world.run();
    store.all_calls(Op::ScanTriggers, 1).await;
    store.inject(Op::PutRevision, 1, Fault::HeldAfter(CancellationToken::new()));
    let (engine, owner) = (world.engine.clone(), world.owner.clone());
    let deploy = tokio::spawn(async move { engine.deploy(&owner, request(&every("\"1s\""))).await });
    store.all_calls(Op::PutRevision, 1).await;
    deploy.abort();
    assert!(deploy.await.unwrap_err().is_cancelled());
    world.clock.advance(TimeDelta::seconds(1));
    world.until("the due time", all_done(1)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_whose_answer_is_lost_fires_though_the_store_stays_away_for_a_while() {
    let (store, mut world) = faulty(|_| {});
    world.run();
    store.all_calls(Op::ScanTriggers, 1).await;
    store.inject(Op::PutRevision, 1, Fault::Forgotten);
    store.inject(Op::ScanTriggers, 2, Fault::Down);
    let error = world.engine.deploy(&world.owner, request(&every("\"1s\""))).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable);
    world.clock.advance(TimeDelta::seconds(1));
    world.until("the due time", all_done(1)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_engine_deployed_another_one_fires_after_the_first_crashed() {
    let clock = ManualClock::new(start_time());
    let store = Arc::new(FaultyStore::default());
    let mut first = World::on(store.clone(), clock.clone(), |_| {});
    let mut second = World::on(store.clone(), clock.clone(), |options| options.reconcile_ms = 100);
    first.run();
    second.run();
    store.all_calls(Op::ScanTriggers, 2).await;
    first.deploy(&every("\"1s\"")).await;
    first.crash().await;
    clock.advance(TimeDelta::seconds(1));
    let runs = second.until("the due time", all_done(1)).await;
    assert_eq!((runs.len(), runs[0].state), (1, RunState::Success));
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_was_overtaken_by_a_later_one_does_not_fire() {
    let (store, mut world) = faulty(|_| {});
    world.run();
    let answer = CancellationToken::new();
    store.inject(Op::PutRevision, 1, Fault::HeldAfter(answer.clone()));
    let (engine, owner) = (world.engine.clone(), world.owner.clone());
    let early = tokio::spawn(async move { engine.deploy(&owner, request(&every("\"2s\""))).await });
    store.all_calls(Op::PutRevision, 1).await;
    world.deploy(&every("\"3s\"")).await;
    answer.cancel();
    early.await.unwrap().unwrap();
    for due in 1..=2 {
        world.clock.advance(TimeDelta::seconds(3));
        let runs = world.until("the due time", all_done(due)).await;
        assert_eq!(runs.iter().map(|run| run.revision).collect::<BTreeSet<_>>(), BTreeSet::from([2]));
        assert_eq!(runs.last().unwrap().scheduled_for, world.clock.now());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_deploys_at_once_the_one_that_the_store_keeps_fires() {
    let (_store, mut world) = faulty(|_| {});
    world.run();
    let scripts: Vec<String> = (1..=8).map(|seconds| every(&format!("\"{seconds}s\""))).collect();
    let deploys = scripts.iter().map(|script| {
        let (engine, owner, request) = (world.engine.clone(), world.owner.clone(), request(script));
        tokio::spawn(async move { engine.deploy(&owner, request).await.unwrap().overview.deployment.id })
    });
    let ids: BTreeSet<_> = join_all(deploys).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 1, "one name is one deployment");
    let kept = world.engine.deployment(&world.owner, *ids.first().unwrap()).await.unwrap();
    assert_eq!((kept.deployment.revision, kept.triggers.len()), (8, 1));

    let schedule = &kept.triggers[0].spec.schedule.as_ref().unwrap().schedule;
    for rounds in 1..=3 {
        world.clock.advance(TimeDelta::seconds(8));
        let now = world.clock.now();
        let due: Vec<_> = schedule.upcoming(start_time()).take_while(|at| *at <= now).collect();
        let runs = world.until(&format!("the due times of round {rounds}"), all_done(due.len())).await;
        assert_eq!(runs.iter().map(|run| run.scheduled_for).collect::<Vec<_>>(), due);
        assert!(runs.iter().all(|run| run.trigger_id == Some(kept.triggers[0].id)));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_deploys_is_refused_to_its_owner_and_nobody_else() {
    let (_store, world) = faulty(|_| {});
    let gate = CancellationToken::new();
    *world.acting.inspections_wait.lock() = Some(gate.clone());
    let (ada, grace) = (world.owner.clone(), OwnerId::new("grace").unwrap());
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut deploy = Box::pin(world.engine.deploy(&ada, request(JOB)));
        assert!(poll!(&mut deploy).is_pending());
        waiting.push(deploy);
    }
    let refused = world.engine.deploy(&ada, request(JOB)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RateLimited);
    let mut other = Box::pin(world.engine.deploy(&grace, request(JOB)));
    assert!(poll!(&mut other).is_pending(), "it is let in");
    waiting.push(other);
    gate.cancel();
    for deploy in join_all(waiting).await {
        deploy.unwrap();
    }
    world.engine.deploy(&ada, request(JOB)).await.unwrap();
}
