//! Lists of runs.

use wren_core::model::{PageOptions, Run, RunState, SkipReason, TriggerKind};
use wren_core::store::{EnqueueRun, Fire, ListDeployments, ListRuns, RecordFires, Store};
use wren_core::{DeploymentId, ErrorCode, RunId};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, minutely, queue, refused};
use crate::fixtures::{
    ada, at, bob, deployment_id, every_minute, failure, finish, fire, on_email, owner, request, run_id, success,
    trigger_id,
};

async fn list(store: &dyn Store, options: ListRuns) -> Vec<RunId> {
    store.runs(&ada(), options).await.unwrap().items.iter().map(|run| run.id).collect()
}

async fn enqueue(store: &dyn Store, id: DeploymentId, second: i64) -> Run {
    store.enqueue(&ada(), EnqueueRun { now: at(second), ..request(id) }).await.unwrap()
}

pub async fn the_latest_due_come_first_and_of_equals_the_latest_id(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let mut runs = Vec::new();
    for second in [5, -3, 5, 9, 0] {
        runs.push(enqueue(store, id, second).await.id);
    }
    let his = deploy(store, &bob(), "his", vec![]).await.deployment.id;
    store.enqueue(&bob(), request(his)).await.unwrap();
    assert_eq!(list(store, ListRuns::default()).await, [3, 2, 0, 4, 1].map(|place| runs[place]));
}

pub async fn an_entry_of_the_list_is_the_whole_run(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let id = queue(store, &trigger, at(0)).await;
    let run = claimed(store, id).await;
    store.finish(finish(&run, success(), at(1))).await.unwrap();
    let page = store.runs(&ada(), ListRuns::default()).await.unwrap();
    assert_eq!(page.items, [store.run(&ada(), id).await.unwrap().0]);
    assert_eq!(page.next, None);
}

pub async fn a_list_keeps_to_its_filters(test: StoreUnderTest) {
    let store = &*test.store;
    let triggers = deploy(store, &ada(), "one", vec![every_minute("a"), on_email("b")]).await.triggers;
    let (one, two) = (triggers[0].deployment_id, deploy(store, &ada(), "two", vec![]).await.deployment.id);
    let first = queue(store, &triggers[0], at(0)).await;
    let run = claimed(store, first).await;
    store.finish(finish(&run, success(), at(1))).await.unwrap();
    let mail = queue(store, &triggers[1], at(10)).await;
    let skipped = Fire { skip: Some(SkipReason::Expired), ..fire(&triggers[0], at(20)) };
    store.record_fires(RecordFires::new(vec![skipped.clone()], at(20))).await.unwrap();
    let manual = enqueue(store, one, 30).await.id;
    let other = enqueue(store, two, 40).await.id;
    store.request_cancel(&ada(), other, failure("no"), at(41)).await.unwrap();

    let all = ListRuns::default;
    let of_one = || ListRuns { deployment_id: Some(one), ..all() };
    let in_state = |state| ListRuns { states: vec![state], ..all() };
    let in_states = |states: &[RunState]| ListRuns { states: states.to_vec(), ..all() };
    let of_kind = |kind| ListRuns { trigger: Some(kind), ..all() };
    let cases: Vec<(&str, ListRuns, Vec<RunId>)> = vec![
        ("all", all(), vec![other, manual, skipped.run_id, mail, first]),
        ("deployment", of_one(), vec![manual, skipped.run_id, mail, first]),
        ("trigger", ListRuns { trigger_id: Some(triggers[0].id), ..all() }, vec![skipped.run_id, first]),
        ("both", ListRuns { trigger_id: Some(triggers[1].id), ..of_one() }, vec![mail]),
        ("neither", ListRuns { trigger_id: Some(triggers[1].id), deployment_id: Some(two), ..all() }, vec![]),
        ("queued", in_state(RunState::Queued), vec![manual, mail]),
        ("success", in_state(RunState::Success), vec![first]),
        ("cancelled", in_state(RunState::Cancelled), vec![other]),
        ("skipped", in_state(RunState::Skipped), vec![skipped.run_id]),
        ("failed", in_state(RunState::Failed), vec![]),
        ("queued or cancelled", in_states(&[RunState::Cancelled, RunState::Queued]), vec![other, manual, mail]),
        ("astray", in_states(&[RunState::Skipped, RunState::Failed, RunState::Cancelled]), vec![other, skipped.run_id]),
        ("success or skipped", in_states(&[RunState::Success, RunState::Skipped]), vec![skipped.run_id, first]),
        ("active", in_states(&[RunState::Running, RunState::Queued]), vec![manual, mail]),
        ("one state twice", in_states(&[RunState::Queued, RunState::Queued]), vec![manual, mail]),
        ("every state", in_states(&RunState::ALL), vec![other, manual, skipped.run_id, mail, first]),
        ("states of one", ListRuns { deployment_id: Some(one), ..in_states(&[RunState::Queued, RunState::Success]) },
         vec![manual, mail, first]),
        ("by schedule", of_kind(TriggerKind::Schedule), vec![skipped.run_id, first]),
        ("by mail", of_kind(TriggerKind::Email), vec![mail]),
        ("by hand", of_kind(TriggerKind::Manual), vec![other, manual]),
        ("by hand, of one", ListRuns { deployment_id: Some(one), ..of_kind(TriggerKind::Manual) }, vec![manual]),
        ("by hand, queued", ListRuns { trigger: Some(TriggerKind::Manual), ..in_state(RunState::Queued) }, vec![manual]),
        ("by webhook", of_kind(TriggerKind::Webhook), vec![]),
        ("since", ListRuns { since: Some(at(20)), ..all() }, vec![other, manual, skipped.run_id]),
        ("until", ListRuns { until: Some(at(20)), ..all() }, vec![mail, first]),
        ("between", ListRuns { since: Some(at(10)), until: Some(at(30)), ..of_one() }, vec![skipped.run_id, mail]),
        ("queued since", ListRuns { since: Some(at(11)), ..in_state(RunState::Queued) }, vec![manual]),
        ("empty time", ListRuns { since: Some(at(10)), until: Some(at(10)), ..all() }, vec![]),
        ("unknown", ListRuns { deployment_id: Some(deployment_id()), ..all() }, vec![]),
        ("unknown trigger", ListRuns { trigger_id: Some(trigger_id()), ..all() }, vec![]),
    ];
    for (name, options, expected) in cases {
        assert_eq!(list(store, options.clone()).await, expected, "{name}");
        // The same, a run at a time.
        let (mut seen, mut page) = (Vec::new(), PageOptions::first(1));
        loop {
            let got = store.runs(&ada(), ListRuns { page, ..options.clone() }).await.unwrap();
            seen.extend(got.items.iter().map(|run| run.id));
            let Some(next) = got.next else { break };
            page = PageOptions { after: Some(next), limit: 1 };
        }
        assert_eq!(seen, expected, "{name}, by pages");
    }
}

pub async fn pages_hold_every_run_once_while_others_are_recorded_and_change(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let mut expected = Vec::new();
    for number in 0..30 {
        expected.push(enqueue(store, id, number / 4).await.id);
    }
    expected.sort_by_key(|id| std::cmp::Reverse(*id));
    let (mut seen, mut page) = (Vec::new(), PageOptions::first(0));
    for turn in 0.. {
        let got = store.runs(&ada(), ListRuns { page, ..Default::default() }).await.unwrap();
        assert!((1..=5).contains(&got.items.len()));
        seen.extend(got.items.iter().map(|run| run.id));
        enqueue(store, id, 1000 + turn).await;
        store.request_cancel(&ada(), got.items[0].id, failure("no"), at(5)).await.unwrap();
        let Some(next) = got.next else { break };
        page = PageOptions { after: Some(next), limit: usize::try_from(turn).unwrap() % 6 };
    }
    assert_eq!(seen, expected);
}

pub async fn a_full_last_page_has_no_next(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    for second in 0..4 {
        enqueue(store, id, second).await;
    }
    let first = store.runs(&ada(), ListRuns { page: PageOptions::first(2), ..Default::default() }).await.unwrap();
    let page = PageOptions { after: first.next, limit: 2 };
    let second = store.runs(&ada(), ListRuns { page, ..Default::default() }).await.unwrap();
    assert_eq!((second.items.len(), second.next), (2, None));
    let empty = store.runs(&owner("nobody"), ListRuns::default()).await.unwrap();
    assert_eq!((empty.items, empty.next), (vec![], None));
}

pub async fn a_cursor_that_is_not_of_the_list_is_refused(test: StoreUnderTest) {
    let store = &*test.store;
    for name in ["one", "two"] {
        let id = deploy(store, &ada(), name, vec![]).await.deployment.id;
        enqueue(store, id, 0).await;
    }
    let runs = async |after: String| {
        let page = PageOptions { after: Some(after), limit: 1 };
        store.runs(&ada(), ListRuns { page, ..Default::default() }).await
    };
    let deployments = async |after: String| {
        let page = PageOptions { after: Some(after), limit: 1 };
        store.deployments(&ada(), ListDeployments { page, ..Default::default() }).await
    };
    let first = PageOptions::first(1);
    let of_runs = store.runs(&ada(), ListRuns { page: first.clone(), ..Default::default() }).await.unwrap();
    let of_runs = of_runs.next.unwrap();
    let first = ListDeployments { page: first, ..Default::default() };
    let of_deployments = store.deployments(&ada(), first).await.unwrap().next.unwrap();
    assert_eq!(runs(of_runs.clone()).await.unwrap().items.len(), 1);
    assert_eq!(deployments(of_deployments.clone()).await.unwrap().items.len(), 1);
    assert_eq!(refused(runs(of_deployments.clone()).await), ErrorCode::InvalidRequest);
    assert_eq!(refused(deployments(of_runs.clone()).await), ErrorCode::InvalidRequest);
    let long = "A".repeat(10_000);
    for broken in ["", " ", "0", "run_00000000000000000000000001", "é\u{0}", "' OR 1=1 --", &long, &of_runs[1..]] {
        assert_eq!(refused(runs(broken.to_owned()).await), ErrorCode::InvalidRequest, "{broken:?}");
        assert_eq!(refused(deployments(broken.to_owned()).await), ErrorCode::InvalidRequest, "{broken:?}");
    }
    for cursor in [of_runs, of_deployments] {
        let in_a_url = cursor.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.~".contains(letter));
        assert!(in_a_url, "{cursor} stands in a URL as it is");
    }
}

pub async fn a_run_that_is_not_there_is_not_found(test: StoreUnderTest) {
    assert_eq!(refused(test.store.run(&ada(), run_id()).await), ErrorCode::NotFound);
}
