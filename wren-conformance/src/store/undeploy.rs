//! The end of a deployment.

use bytes::Bytes;
use wren_core::ErrorCode;
use wren_core::model::{DeploymentStatus, RunState};
use wren_core::store::{
    Disposition, ExtendOutcome, ListDeployments, ListRuns, Namespace, PutOptions, RecordFires, SetStatus,
    state_namespace,
};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, queue, read, refused};
use crate::fixtures::{LEASE, NOW, ada, at, bob, claim, every_minute, failure, finish, fire, held, on_email, request, status};

pub async fn undeploy_cancels_what_is_queued_and_asks_what_runs_to_end(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.triggers.remove(0);
    let id = trigger.deployment_id;
    let first = queue(store, &trigger, at(0)).await;
    let running = claimed(store, first).await;
    let queued = queue(store, &trigger, at(60)).await;
    let manual = store.enqueue(&ada(), request(id)).await.unwrap().id;
    let other = deploy(store, &ada(), "other", vec![]).await.deployment.id;
    let untouched = store.enqueue(&ada(), request(other)).await.unwrap();
    let change = SetStatus { now: at(61), ..status(DeploymentStatus::Undeployed) };
    store.set_status(&ada(), id, change).await.unwrap();
    for run in [queued, manual] {
        let (run, attempts) = store.run(&ada(), run).await.unwrap();
        assert_eq!((run.state, run.completed_at, attempts.len()), (RunState::Cancelled, Some(at(61)), 0));
        assert!(run.error.is_some());
    }
    let asked = read(store, &running).await;
    assert_eq!((asked.state, asked.cancel_requested), (RunState::Running, true));
    let heartbeat = store.extend(vec![held(&running)], NOW, LEASE).await.unwrap();
    assert_eq!(heartbeat, [ExtendOutcome::CancelRequested]);
    let cancelled = wren_core::model::Completion::Cancelled(failure("undeployed"));
    let ended = store.finish(finish(&running, cancelled, at(62))).await.unwrap();
    assert_eq!((ended.state, ended.error), (RunState::Cancelled, asked.error));
    assert_eq!(read(store, &untouched).await, untouched);
}

pub async fn undeploy_takes_the_triggers_away(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "daily", vec![every_minute("main"), on_email("mail")]).await.triggers.remove(0);
    let change = status(DeploymentStatus::Undeployed);
    let overview = store.set_status(&ada(), trigger.deployment_id, change).await.unwrap();
    assert_eq!((overview.triggers.len(), overview.next_run()), (0, None));
    assert_eq!(store.deployment(&ada(), trigger.deployment_id).await.unwrap(), overview);
    assert_eq!(store.scan_triggers(None, 10).await.unwrap(), []);
    let fired = store.record_fires(RecordFires::new(vec![fire(&trigger, at(60))], at(60))).await.unwrap();
    assert_eq!(fired[0].disposition, Disposition::Gone);
}

pub async fn undeploy_gives_the_name_free(test: StoreUnderTest) {
    let store = &*test.store;
    let old = deploy(store, &ada(), "daily", vec![every_minute("main")]).await;
    store.set_status(&ada(), old.deployment.id, status(DeploymentStatus::Undeployed)).await.unwrap();
    let new = deploy(store, &ada(), "daily", vec![every_minute("main")]).await;
    assert!(new.changed);
    assert_ne!(new.deployment.id, old.deployment.id);
    assert_eq!(new.deployment.revision, 1);
    assert_ne!(new.triggers[0].id, old.triggers[0].id);
    store.set_status(&ada(), new.deployment.id, status(DeploymentStatus::Undeployed)).await.unwrap();
    let gone = ListDeployments { status: Some(DeploymentStatus::Undeployed), ..Default::default() };
    assert_eq!(store.deployments(&ada(), gone).await.unwrap().items.len(), 2, "a name may end more than once");
}

pub async fn the_history_of_an_undeployed_deployment_stays(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.triggers.remove(0);
    let id = trigger.deployment_id;
    let run = queue(store, &trigger, at(0)).await;
    let run = claimed(store, run).await;
    store.finish(finish(&run, crate::fixtures::success(), at(1))).await.unwrap();
    store.set_status(&ada(), id, status(DeploymentStatus::Undeployed)).await.unwrap();
    assert_eq!(store.revision(&ada(), id, 1).await.unwrap().script, "# daily\n");
    assert_eq!(read(store, &run).await.state, RunState::Success);
    let list = ListRuns { deployment_id: Some(id), ..Default::default() };
    assert_eq!(store.runs(&ada(), list).await.unwrap().items.len(), 1);
    assert_eq!(store.deployment(&ada(), id).await.unwrap().deployment.revision, 1);
}

pub async fn undeploy_deletes_the_state_of_the_script_and_no_other(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let other = deploy(store, &ada(), "other", vec![]).await.deployment.id;
    let own = state_namespace(&ada(), id);
    let kept = [
        state_namespace(&ada(), other),
        state_namespace(&bob(), id),
        Namespace::system(own.name()),
        Namespace::owned(&ada(), format!("{}0", own.name())),
        Namespace::owned(&ada(), "state"),
    ];
    for space in kept.iter().chain([&own]) {
        for key in ["a", "", "\u{10ffff}"] {
            store.put_record(space, key, Bytes::from_static(b"1"), PutOptions::at(NOW)).await.unwrap();
        }
    }
    for wanted in [DeploymentStatus::Paused, DeploymentStatus::NeedsAttention, DeploymentStatus::Active] {
        store.set_status(&ada(), id, status(wanted)).await.unwrap();
    }
    let refused_stranger = store.set_status(&bob(), id, status(DeploymentStatus::Undeployed)).await;
    assert_eq!(refused(refused_stranger), ErrorCode::NotFound);
    assert_eq!(store.records(&own, "", None, 10, NOW).await.unwrap().len(), 3);
    store.set_status(&ada(), id, status(DeploymentStatus::Undeployed)).await.unwrap();
    assert_eq!(store.records(&own, "", None, 10, NOW).await.unwrap(), []);
    for space in &kept {
        assert_eq!(store.records(space, "", None, 10, NOW).await.unwrap().len(), 3, "{space:?}");
    }
}

pub async fn an_undeploy_can_be_repeated_and_not_undone(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let gone = store.set_status(&ada(), id, status(DeploymentStatus::Undeployed)).await.unwrap();
    let again = SetStatus { now: at(9), ..status(DeploymentStatus::Undeployed) };
    assert_eq!(store.set_status(&ada(), id, again).await.unwrap(), gone);
    for wanted in [DeploymentStatus::Active, DeploymentStatus::Paused, DeploymentStatus::NeedsAttention] {
        assert_eq!(refused(store.set_status(&ada(), id, status(wanted)).await), ErrorCode::Conflict);
    }
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), gone);
}

pub async fn nothing_can_be_asked_of_an_undeployed_deployment(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    store.set_status(&ada(), id, status(DeploymentStatus::Undeployed)).await.unwrap();
    assert_eq!(refused(store.enqueue(&ada(), request(id)).await), ErrorCode::Conflict);
    assert_eq!(store.claim(claim(at(100))).await.unwrap().runs.len(), 0);
}
