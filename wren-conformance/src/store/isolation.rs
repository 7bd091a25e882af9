//! What belongs to another owner does not exist.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use wren_core::model::DeploymentStatus;
use wren_core::store::{
    EnqueueRun, Expect, ListDeployments, ListRuns, Namespace, PutOptions, Store,
};
use wren_core::{Error, ErrorCode, OwnerId};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, queue, read};
use crate::fixtures::{NOW, ada, at, bob, every_minute, failure, finish, line, named, owner, request, status, success};

type Try<'a> = (&'static str, Pin<Box<dyn Future<Output = Option<ErrorCode>> + Send + 'a>>);

/// Makes a table of calls, each with the code it is refused with.
macro_rules! tries {
    ($($call:expr),* $(,)?) => {
        vec![$((stringify!($call), Box::pin(async { $call.await.err().map(|error: Error| error.code()) }) as Pin<Box<_>>)),*]
    };
}

pub async fn a_stranger_reads_and_writes_nothing(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.triggers.remove(0);
    let id = trigger.deployment_id;
    let ended = queue(store, &trigger, at(0)).await;
    let ended = claimed(store, ended).await;
    let mut end = finish(&ended, success(), at(1));
    end.logs = vec![line("private")];
    store.finish(end).await.unwrap();
    let running = queue(store, &trigger, at(-60)).await;
    let running = claimed(store, running).await;
    let queued = queue(store, &trigger, at(60)).await;
    let before = (store.deployment(&ada(), id).await.unwrap(), hers(store).await);

    // The last has her name in another case and a longer one, which a store must not take for hers.
    for stranger in [bob(), owner("ADA@example.com"), owner("ada@example.comm"), owner("ada@example")] {
        let who = &stranger;
        let tries: Vec<Try<'_>> = tries![
            store.deployment(who, id),
            store.revision(who, id, 1),
            store.set_status(who, id, status(DeploymentStatus::Paused)),
            store.set_status(who, id, status(DeploymentStatus::Undeployed)),
            store.enqueue(who, request(id)),
            store.enqueue(who, EnqueueRun { idempotency_key: Some("k".into()), ..request(id) }),
            store.request_cancel(who, queued, failure("mine now"), at(2)),
            store.request_cancel(who, running.id, failure("mine now"), at(2)),
            store.request_cancel(who, ended.id, failure("mine now"), at(2)),
            store.run(who, queued),
            store.run(who, ended.id),
            store.logs(who, ended.id, 0, 10),
            store.logs(who, queued, 0, 10),
        ];
        for (call, outcome) in tries {
            assert_eq!(outcome.await, Some(ErrorCode::NotFound), "{call} of {stranger}");
        }
        lists_are_empty(store, who, &trigger).await;
    }
    assert_eq!((store.deployment(&ada(), id).await.unwrap(), hers(store).await), before);
}

async fn hers(store: &dyn Store) -> Vec<wren_core::model::Run> {
    store.runs(&ada(), ListRuns::default()).await.unwrap().items
}

async fn lists_are_empty(store: &dyn Store, who: &OwnerId, trigger: &wren_core::model::Trigger) {
    let id = Some(trigger.deployment_id);
    for list in [
        ListRuns::default(),
        ListRuns { deployment_id: id, ..Default::default() },
        ListRuns { trigger_id: Some(trigger.id), ..Default::default() },
    ] {
        assert_eq!(store.runs(who, list).await.unwrap().items, []);
    }
    for list in [ListDeployments::default(), ListDeployments { name: Some(named("daily")), ..Default::default() }] {
        assert_eq!(store.deployments(who, list).await.unwrap().items, []);
    }
}

pub async fn a_strangers_cursor_shows_nothing_of_the_list_it_came_from(test: StoreUnderTest) {
    let store = &*test.store;
    for name in ["one", "two", "three"] {
        let id = deploy(store, &ada(), name, vec![]).await.deployment.id;
        store.enqueue(&ada(), request(id)).await.unwrap();
    }
    let his = deploy(store, &bob(), "his", vec![]).await.deployment.id;
    let his_run = store.enqueue(&bob(), EnqueueRun { now: at(-9), ..request(his) }).await.unwrap();
    let first = wren_core::model::PageOptions::first(1);
    let next = store.runs(&ada(), ListRuns { page: first.clone(), ..Default::default() }).await.unwrap().next;
    let page = wren_core::model::PageOptions { after: next, limit: 10 };
    // Whether a store answers or refuses a cursor of another owner is its own affair; what it shows is not.
    if let Ok(page) = store.runs(&bob(), ListRuns { page, ..Default::default() }).await {
        assert!(page.items.iter().all(|run| run.id == his_run.id));
    }
    let next = store.deployments(&ada(), ListDeployments { page: first, ..Default::default() }).await.unwrap().next;
    let page = wren_core::model::PageOptions { after: next, limit: 10 };
    if let Ok(page) = store.deployments(&bob(), ListDeployments { page, ..Default::default() }).await {
        assert!(page.items.iter().all(|item| item.deployment.owner == bob()));
    }
}

pub async fn an_idempotency_key_of_a_stranger_is_another_key(test: StoreUnderTest) {
    let store = &*test.store;
    let hers = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let his = deploy(store, &bob(), "daily", vec![]).await.deployment.id;
    let keyed = |id| EnqueueRun { idempotency_key: Some("same".into()), ..request(id) };
    let run = store.enqueue(&ada(), keyed(hers)).await.unwrap();
    let other = store.enqueue(&bob(), keyed(his)).await.unwrap();
    assert_ne!(run.id, other.id);
    assert_eq!(read(store, &other).await.owner, bob());
}

pub async fn namespaces_of_owners_and_of_the_platform_never_meet(test: StoreUnderTest) {
    let store = &*test.store;
    let spaces = [
        Namespace::system("state"),
        Namespace::owned(&ada(), "state"),
        Namespace::owned(&bob(), "state"),
        Namespace::owned(&ada(), "State"),
        Namespace::owned(&ada(), "state/x"),
        Namespace::owned(&ada(), ""),
        Namespace::system(""),
        Namespace::system(format!("{}/state", ada())),
        Namespace::system(format!("{}:state", ada())),
        Namespace::system(format!("{}\u{0}state", ada()).replace('\u{0}', " ")),
        Namespace::owned(&owner("ada"), "@example.com"),
    ];
    for (number, space) in spaces.iter().enumerate() {
        let options = PutOptions::at(NOW).expecting(Expect::Absent);
        store.put_record(space, "key", Bytes::from(number.to_string()), options).await.unwrap();
    }
    for (number, space) in spaces.iter().enumerate() {
        let records = store.records(space, "", None, 10, NOW).await.unwrap();
        assert_eq!(records.len(), 1, "{space:?}");
        assert_eq!(records[0].value, number.to_string(), "{space:?}");
    }
    assert!(store.delete_record(&spaces[1], "key", Expect::Any, NOW).await.unwrap());
    for space in spaces.iter().enumerate().filter(|(number, _)| *number != 1).map(|(_, space)| space) {
        assert!(store.record(space, "key", NOW).await.unwrap().is_some(), "{space:?}");
    }
}
