//! What was answered with `Ok` is there after the store was opened again.

use bytes::Bytes;
use wren_core::model::{DeploymentStatus, RunState};
use wren_core::store::{
    AppendLogs, Disposition, EnqueueRun, Expect, ExtendOutcome, ListDeployments, ListRuns, Namespace, PutOptions,
    RecordFires,
};

use super::StoreUnderTest;
use super::steps::{deploy, minutely, queue, running};
use crate::fixtures::{
    LEASE, NOW, ada, at, claim, every_minute, finish, fire, held, line, on_email, request, retry, status, success,
    with_script,
};

pub async fn deployments_survive(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![every_minute("main"), on_email("mail")]).await;
    store.put_revision(&ada(), with_script("daily", "# two", vec![every_minute("main")])).await.unwrap();
    let gone = deploy(store, &ada(), "gone", vec![every_minute("main")]).await.deployment.id;
    store.set_status(&ada(), gone, status(DeploymentStatus::Undeployed)).await.unwrap();
    queue(store, &first.triggers[0], at(60)).await;
    let before = store.deployments(&ada(), ListDeployments::default()).await.unwrap();
    let triggers = store.scan_triggers(None, 10).await.unwrap();
    let test = test.reopen().await;
    let store = &*test.store;
    assert_eq!(store.deployments(&ada(), ListDeployments::default()).await.unwrap(), before);
    assert_eq!(store.scan_triggers(None, 10).await.unwrap(), triggers);
    assert_eq!(triggers[0].cursor, at(60));
    for (number, script) in [(1, "# daily\n"), (2, "# two")] {
        assert_eq!(store.revision(&ada(), first.deployment.id, number).await.unwrap().script, script);
    }
    assert_eq!(store.deployment(&ada(), gone).await.unwrap().deployment.status, DeploymentStatus::Undeployed);
}

pub async fn runs_attempts_and_logs_survive(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    store.append_logs(vec![AppendLogs { held: held(&run), lines: vec![line("one")] }]).await.unwrap();
    store.finish(finish(&run, retry(at(5)), at(1))).await.unwrap();
    let again = store.claim(claim(at(5))).await.unwrap().runs.remove(0);
    let mut end = finish(&again, success(), at(6));
    end.logs = vec![line("two")];
    store.finish(end).await.unwrap();
    let skipping = minutely(store, &ada(), "paused").await;
    store.set_status(&ada(), skipping.deployment_id, status(DeploymentStatus::Paused)).await.unwrap();
    store.record_fires(RecordFires::new(vec![fire(&skipping, at(60))], at(60))).await.unwrap();
    let before = store.run(&ada(), run.id).await.unwrap();
    let list = store.runs(&ada(), ListRuns::default()).await.unwrap();
    let logs = store.logs(&ada(), run.id, 0, 10).await.unwrap();
    let test = test.reopen().await;
    assert_eq!(test.store.run(&ada(), run.id).await.unwrap(), before);
    assert_eq!(test.store.runs(&ada(), ListRuns::default()).await.unwrap(), list);
    assert_eq!(test.store.logs(&ada(), run.id, 0, 10).await.unwrap(), logs);
    assert_eq!((list.items.len(), logs.len(), before.1.len()), (2, 2, 2));
}

pub async fn a_worker_keeps_its_claim(test: StoreUnderTest) {
    let run = running(&*test.store, &ada()).await;
    let test = test.reopen().await;
    let store = &*test.store;
    assert_eq!(store.claim(claim(at(1))).await.unwrap().runs, []);
    assert_eq!(store.extend(vec![held(&run)], at(2), LEASE).await.unwrap(), [ExtendOutcome::Held]);
    let append = AppendLogs { held: held(&run), lines: vec![line("still here")] };
    assert_eq!(store.append_logs(vec![append]).await.unwrap(), [true]);
    let done = store.finish(finish(&run, success(), at(3))).await.unwrap();
    let test = test.reopen().await;
    let repeated = test.store.finish(finish(&run, success(), at(4))).await.unwrap();
    assert_eq!((&repeated, repeated.state), (&done, RunState::Success));
}

pub async fn an_orphan_of_a_crash_is_rescued(test: StoreUnderTest) {
    let run = running(&*test.store, &ada()).await;
    let test = test.reopen().await;
    assert_eq!(test.store.rescue_expired(at(59), 10).await.unwrap(), []);
    assert_eq!(test.store.rescue_expired(NOW + LEASE, 10).await.unwrap()[0].id, run.id);
    let test = test.reopen().await;
    let again = test.store.claim(claim(NOW + LEASE)).await.unwrap().runs.remove(0);
    assert_eq!((again.id, again.attempt, again.epoch, again.orphaned), (run.id, 2, 2, 1));
}

pub async fn what_was_recorded_is_not_recorded_again(test: StoreUnderTest) {
    let trigger = minutely(&*test.store, &ada(), "daily").await;
    let id = queue(&*test.store, &trigger, at(60)).await;
    let keyed = || EnqueueRun { idempotency_key: Some("k".into()), ..request(trigger.deployment_id) };
    let asked = test.store.enqueue(&ada(), keyed()).await.unwrap();
    let test = test.reopen().await;
    let fired = test.store.record_fires(RecordFires::new(vec![fire(&trigger, at(60))], at(61))).await.unwrap();
    assert_eq!((fired[0].run_id, fired[0].disposition), (id, Disposition::Duplicate));
    assert_eq!(test.store.enqueue(&ada(), keyed()).await.unwrap(), asked);
    assert_eq!(test.store.claim(claim(at(60))).await.unwrap().runs.len(), 2);
}

pub async fn records_and_their_versions_survive(test: StoreUnderTest) {
    let space = Namespace::owned(&ada(), "state");
    let put = async |test: &StoreUnderTest, key: &str| {
        test.store.put_record(&space, key, Bytes::from_static(b"v"), PutOptions::at(NOW).expiring(at(99))).await.unwrap()
    };
    let kept = put(&test, "kept").await;
    let deleted = put(&test, "deleted").await;
    test.store.delete_record(&space, "deleted", Expect::Any, NOW).await.unwrap();
    let before = test.store.records(&space, "", None, 10, NOW).await.unwrap();
    let test = test.reopen().await;
    assert_eq!(test.store.records(&space, "", None, 10, NOW).await.unwrap(), before);
    assert_ne!(put(&test, "deleted").await, deleted, "a version does not come back after a restart");
    let options = PutOptions::at(NOW).expecting(Expect::Version(kept));
    test.store.put_record(&space, "kept", Bytes::new(), options).await.unwrap();
}

pub async fn an_open_store_is_ready(test: StoreUnderTest) {
    test.store.check().await.unwrap();
    assert!(!test.store.name().is_empty());
    let test = test.reopen().await;
    test.store.check().await.unwrap();
}
