//! Runs that somebody asked for.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;
use wren_core::{ErrorCode, OwnerId};
use wren_core::model::{DeploymentStatus, FireKey, RunPolicy, RunState, TriggerKind};
use wren_core::store::{EnqueueRun, ListRuns};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, read, refused};
use crate::fixtures::{
    NOW, ada, at, bob, claim, correlation, deployment_id, finish, odd_json, request, status, success, with_script,
};

pub async fn a_manual_run_is_queued_at_once(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let policy = RunPolicy { timeout_ms: 7, retries: 2, ..RunPolicy::default() };
    let wanted = EnqueueRun { payload: Some(json!({"a": 1})), policy: policy.clone(), now: at(5), ..request(id) };
    let run = store.enqueue(&ada(), wanted.clone()).await.unwrap();
    assert_eq!(read(store, &run).await, run);
    assert_eq!((run.id, &run.owner, run.deployment_id), (wanted.run_id, &ada(), id));
    assert_eq!((run.trigger_id, run.trigger, run.revision), (None, TriggerKind::Manual, 1));
    assert_eq!((run.func.as_str(), &run.payload, &run.policy), ("main", &wanted.payload, &policy));
    assert_eq!((run.scheduled_for, run.not_before, run.created_at), (at(5), at(5), at(5)));
    assert_eq!(run.key, FireKey::Event(wanted.run_id.to_string()));
    assert_eq!((run.state, run.attempt, run.epoch), (RunState::Queued, 1, 0));
    assert_eq!(run.correlation_id, correlation());
    assert_eq!(store.claim(claim(at(5))).await.unwrap().runs.len(), 1);
}

pub async fn a_manual_run_may_be_of_an_earlier_revision(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    store.put_revision(&ada(), with_script("daily", "# two\n", vec![])).await.unwrap();
    for (asked, pinned) in [(Some(1), 1), (Some(2), 2), (None, 2)] {
        let run = store.enqueue(&ada(), EnqueueRun { revision: asked, ..request(id) }).await.unwrap();
        assert_eq!((read(store, &run).await, run.revision), (run.clone(), pinned));
    }
    for number in [0, 3, u32::MAX] {
        let unknown = EnqueueRun { revision: Some(number), ..request(id) };
        assert_eq!(refused(store.enqueue(&ada(), unknown).await), ErrorCode::NotFound, "{number}");
    }
    assert_eq!(store.runs(&ada(), ListRuns::default()).await.unwrap().items.len(), 3);
}

pub async fn a_run_that_repeats_another_names_it(test: StoreUnderTest) {
    let store = &*test.store;
    let first = super::steps::running(store, &ada()).await;
    assert_eq!(first.retry_of(), None);
    let key = FireKey::of_retry(first.id, "k");
    let again = EnqueueRun { idempotency_key: Some(key.clone()), ..request(first.deployment_id) };
    let run = store.enqueue(&ada(), again).await.unwrap();
    assert_eq!((read(store, &run).await.retry_of(), &run.key), (Some(first.id), &FireKey::Event(key)));
}

pub async fn an_idempotency_key_names_one_run(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let keyed = || EnqueueRun { idempotency_key: Some("order-7".into()), ..request(id) };
    let first = store.enqueue(&ada(), keyed()).await.unwrap();
    assert_eq!(first.key, FireKey::Event("order-7".into()));
    let again = EnqueueRun { func: "other".into(), payload: Some(json!(2)), now: at(9), ..keyed() };
    assert_eq!(store.enqueue(&ada(), again).await.unwrap(), first);
    let run = claimed(store, first.id).await;
    let ended = store.finish(finish(&run, success(), at(1))).await.unwrap();
    assert_eq!(store.enqueue(&ada(), keyed()).await.unwrap(), ended, "the run is answered as it is then");
    assert_eq!(store.runs(&ada(), ListRuns::default()).await.unwrap().items.len(), 1);
}

pub async fn a_run_asked_for_before_is_found_without_asking_for_another(test: StoreUnderTest) {
    let store = &*test.store;
    let (id, other) =
        (deploy(store, &ada(), "one", vec![]).await.deployment.id, deploy(store, &ada(), "two", vec![]).await.deployment.id);
    let keyed = |id| EnqueueRun { idempotency_key: Some("k".into()), ..request(id) };
    let only = |id| EnqueueRun { only_existing: true, ..keyed(id) };
    let missing = async |owner: &OwnerId, wanted| store.enqueue(owner, wanted).await.unwrap_err().code();
    assert_eq!(missing(&ada(), only(id)).await, ErrorCode::NotFound);
    let first = store.enqueue(&ada(), keyed(id)).await.unwrap();
    assert_eq!(store.enqueue(&ada(), only(id)).await.unwrap(), first);
    assert_eq!(missing(&ada(), only(other)).await, ErrorCode::NotFound);
    assert_eq!(missing(&bob(), only(id)).await, ErrorCode::NotFound);
    assert_eq!(missing(&ada(), EnqueueRun { only_existing: true, ..request(id) }).await, ErrorCode::NotFound);
    let run = claimed(store, first.id).await;
    let ended = store.finish(finish(&run, success(), at(1))).await.unwrap();
    assert_eq!(store.enqueue(&ada(), only(id)).await.unwrap(), ended);
    assert_eq!(store.runs(&ada(), ListRuns::default()).await.unwrap().items.len(), 1);
}

pub async fn an_idempotency_key_belongs_to_its_deployment(test: StoreUnderTest) {
    let store = &*test.store;
    let mut ids = HashSet::new();
    for name in ["one", "two"] {
        let id = deploy(store, &ada(), name, vec![]).await.deployment.id;
        for key in ["k", "K", "k ", ""] {
            let keyed = EnqueueRun { idempotency_key: Some(key.into()), ..request(id) };
            ids.insert(store.enqueue(&ada(), keyed).await.unwrap().id);
        }
    }
    assert_eq!(ids.len(), 8);
}

pub async fn requests_without_a_key_are_runs_of_their_own_but_a_repeated_call_is_not(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let first = request(id);
    let run = store.enqueue(&ada(), first.clone()).await.unwrap();
    assert_ne!(store.enqueue(&ada(), request(id)).await.unwrap().id, run.id);
    assert_eq!(store.enqueue(&ada(), first).await.unwrap(), run);
    assert_eq!(store.runs(&ada(), ListRuns::default()).await.unwrap().items.len(), 2);
}

pub async fn sixty_four_requests_with_one_key_make_one_run(test: StoreUnderTest) {
    let id = deploy(&*test.store, &ada(), "daily", vec![]).await.deployment.id;
    let mut requests = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&test.store);
        let keyed = EnqueueRun { idempotency_key: Some("same".into()), ..request(id) };
        requests.spawn(async move { store.enqueue(&ada(), keyed).await.unwrap().id });
    }
    let ids: HashSet<_> = requests.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1);
}

pub async fn a_manual_run_is_of_the_current_revision(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let before = store.enqueue(&ada(), request(id)).await.unwrap();
    store.put_revision(&ada(), with_script("daily", "# two", vec![])).await.unwrap();
    let after = store.enqueue(&ada(), request(id)).await.unwrap();
    assert_eq!((before.revision, after.revision), (1, 2));
    assert_eq!(read(store, &before).await.revision, 1);
}

pub async fn a_manual_run_runs_while_its_deployment_is_not_active(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let early = store.enqueue(&ada(), request(id)).await.unwrap();
    for wanted in [DeploymentStatus::Paused, DeploymentStatus::NeedsAttention] {
        store.set_status(&ada(), id, status(wanted)).await.unwrap();
        let run = store.enqueue(&ada(), request(id)).await.unwrap();
        let claimed = store.claim(claim(NOW)).await.unwrap().runs;
        assert!(claimed.iter().any(|other| other.id == run.id), "{wanted:?}");
    }
    assert_eq!(read(store, &early).await.state, RunState::Running);
}

pub async fn a_request_for_no_deployment_is_not_found(test: StoreUnderTest) {
    assert_eq!(refused(test.store.enqueue(&ada(), request(deployment_id())).await), ErrorCode::NotFound);
}

pub async fn payloads_of_requests_are_kept_exactly(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    for payload in odd_json() {
        let wanted = EnqueueRun { payload: Some(payload.clone()), func: "función_\u{1F426}".into(), ..request(id) };
        let run = store.enqueue(&ada(), wanted).await.unwrap();
        let read = read(store, &run).await;
        assert_eq!((read.payload, read.func.as_str()), (Some(payload), "función_\u{1F426}"));
    }
}
