//! Due times and events: recorded once, each.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use wren_core::model::{DeploymentStatus, FireKey, RunPolicy, RunState, SkipReason, Trigger, TriggerKind};
use wren_core::store::{Disposition, Fire, Fired, ListRuns, RecordFires, Store};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, minutely, queue};
use crate::fixtures::{
    ada, at, claim, correlation, event, every_minute, finish, fire, odd_json, on_email, status, success, trigger_id,
};

async fn cursor(store: &dyn Store, trigger: &Trigger) -> chrono::DateTime<chrono::Utc> {
    let triggers = store.deployment(&ada(), trigger.deployment_id).await.unwrap().triggers;
    triggers.iter().find(|other| other.id == trigger.id).unwrap().cursor
}

async fn count(store: &dyn Store) -> usize {
    let page = wren_core::model::PageOptions::first(100_000);
    store.runs(&ada(), ListRuns { page, ..Default::default() }).await.unwrap().items.len()
}

pub async fn a_fire_becomes_a_queued_run_of_its_trigger(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let wanted = Fire { not_before: at(67), ..fire(&trigger, at(60)) };
    let fired = store.record_fires(RecordFires::new(vec![wanted.clone()], at(61))).await.unwrap();
    assert_eq!(fired, [Fired { run_id: wanted.run_id, disposition: Disposition::Queued }]);
    let (run, attempts) = store.run(&ada(), wanted.run_id).await.unwrap();
    assert_eq!(attempts, []);
    assert_eq!((run.id, run.owner, run.deployment_id), (wanted.run_id, ada(), trigger.deployment_id));
    assert_eq!((run.revision, run.trigger_id, run.trigger), (1, Some(trigger.id), TriggerKind::Schedule));
    assert_eq!((run.func, run.key, run.scheduled_for), ("main".into(), FireKey::Scheduled(at(60)), at(60)));
    assert_eq!((run.payload, run.policy, run.state), (None, trigger.spec.policy.clone(), RunState::Queued));
    assert_eq!((run.skip_reason, run.attempt, run.failures, run.orphaned), (None, 1, 0, 0));
    assert_eq!((run.not_before, run.epoch, run.claim, run.cancel_requested), (at(67), 0, None, false));
    assert_eq!((run.created_at, run.started_at, run.completed_at), (at(61), None, None));
    assert_eq!((run.result, run.error, run.isolation), (None, None, None));
    assert_eq!(run.correlation_id, correlation());
}

pub async fn the_policy_of_the_trigger_is_copied_whole(test: StoreUnderTest) {
    let store = &*test.store;
    let mut spec = every_minute("main");
    spec.policy = RunPolicy {
        timeout_ms: 3_600_001,
        retries: 9,
        backoff: wren_core::model::Backoff { initial_ms: 1, max_ms: u64::from(u32::MAX) + 1 },
        overlap: wren_core::model::Overlap::Queue,
        delivery: wren_core::model::Delivery::AtMostOnce,
    };
    let trigger = deploy(store, &ada(), "daily", vec![spec.clone()]).await.triggers.remove(0);
    let id = queue(store, &trigger, at(60)).await;
    assert_eq!(store.run(&ada(), id).await.unwrap().0.policy, spec.policy);
}

pub async fn fires_are_answered_in_order(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let gone = Trigger { id: trigger_id(), ..trigger.clone() };
    let fires = vec![
        fire(&trigger, at(120)),
        fire(&gone, at(60)),
        Fire { skip: Some(SkipReason::Coalesced), ..fire(&trigger, at(60)) },
        fire(&trigger, at(120)),
        fire(&trigger, at(180)),
    ];
    let ids: Vec<_> = fires.iter().map(|fire| fire.run_id).collect();
    let fired = store.record_fires(RecordFires::new(fires, at(180))).await.unwrap();
    let expected = [
        (ids[0], Disposition::Queued),
        (ids[1], Disposition::Gone),
        (ids[2], Disposition::Skipped(SkipReason::Coalesced)),
        (ids[0], Disposition::Duplicate),
        (ids[4], Disposition::Queued),
    ];
    assert_eq!(fired, expected.map(|(run_id, disposition)| Fired { run_id, disposition }));
    assert_eq!(store.record_fires(RecordFires::new(vec![], at(180))).await.unwrap(), []);
    assert_eq!(count(store).await, 3);
}

pub async fn a_batch_recorded_again_is_all_duplicates_of_the_first(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let batch: Vec<Fire> = (1..=50).map(|minute| fire(&trigger, at(60 * minute))).collect();
    let first = store.record_fires(RecordFires::new(batch.clone(), at(3000))).await.unwrap();
    let repeated = store.record_fires(RecordFires::new(batch.clone(), at(3001))).await.unwrap();
    let others: Vec<Fire> = (1..=50).map(|minute| fire(&trigger, at(60 * minute))).collect();
    let others = store.record_fires(RecordFires::new(others, at(3002))).await.unwrap();
    for answers in [repeated, others] {
        assert!(answers.iter().all(|fired| fired.disposition == Disposition::Duplicate));
        assert!(answers.iter().zip(&first).all(|(later, first)| later.run_id == first.run_id));
    }
    assert_eq!(count(store).await, 50);
}

pub async fn a_due_time_stays_recorded_after_its_run_has_ended(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let id = queue(store, &trigger, at(0)).await;
    let run = claimed(store, id).await;
    let ended = store.finish(finish(&run, success(), at(1))).await.unwrap();
    let skipped = Fire { skip: Some(SkipReason::Expired), ..fire(&trigger, at(60)) };
    store.record_fires(RecordFires::new(vec![skipped.clone()], at(60))).await.unwrap();
    let again = vec![fire(&trigger, at(0)), fire(&trigger, at(60))];
    let again = store.record_fires(RecordFires::new(again, at(61))).await.unwrap();
    assert_eq!(again[0], Fired { run_id: id, disposition: Disposition::Duplicate });
    assert_eq!(again[1], Fired { run_id: skipped.run_id, disposition: Disposition::Duplicate });
    assert_eq!(store.run(&ada(), id).await.unwrap().0, ended);
}

pub async fn the_cursor_follows_the_latest_due_time_and_never_moves_back(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let batch = vec![fire(&trigger, at(60)), fire(&trigger, at(180)), fire(&trigger, at(120))];
    store.record_fires(RecordFires::new(batch, at(180))).await.unwrap();
    assert_eq!(cursor(store, &trigger).await, at(180));
    let skipped = Fire { skip: Some(SkipReason::Expired), ..fire(&trigger, at(240)) };
    store.record_fires(RecordFires::new(vec![skipped], at(240))).await.unwrap();
    assert_eq!(cursor(store, &trigger).await, at(240), "a skipped due time is recorded too");
    store.record_fires(RecordFires::new(vec![fire(&trigger, at(150)), fire(&trigger, at(60))], at(300))).await.unwrap();
    assert_eq!(cursor(store, &trigger).await, at(240));
    assert_eq!(store.scan_triggers(None, 10).await.unwrap()[0].next_due(), Some(at(300)));
}

pub async fn the_cursor_is_the_due_time_and_not_the_jittered_one(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let late = Fire { not_before: at(600), ..fire(&trigger, at(60)) };
    store.record_fires(RecordFires::new(vec![late], at(61))).await.unwrap();
    assert_eq!(cursor(store, &trigger).await, at(60));
}

pub async fn events_leave_the_cursor_where_it_is(test: StoreUnderTest) {
    let store = &*test.store;
    let deployed = deploy(store, &ada(), "mail", vec![on_email("mail"), every_minute("main")]).await;
    for trigger in &deployed.triggers {
        let late = Fire { scheduled_for: at(900), ..event(trigger, "key") };
        store.record_fires(RecordFires::new(vec![late], at(900))).await.unwrap();
        assert_eq!(cursor(store, trigger).await, trigger.cursor);
    }
}

pub async fn an_event_key_is_unique_within_its_trigger(test: StoreUnderTest) {
    let store = &*test.store;
    let triggers = deploy(store, &ada(), "mail", vec![on_email("a"), on_email("b")]).await.triggers;
    let longest = "k".repeat(512);
    let keys = ["<1@host>", "<1@HOST>", "", " ", "a%", "a_", "a\\", "'; --", "é", "e\u{301}", "\u{1F426}", &longest];
    let batch: Vec<Fire> =
        triggers.iter().flat_map(|trigger| keys.iter().map(move |key| event(trigger, key))).collect();
    let first = store.record_fires(RecordFires::new(batch, at(0))).await.unwrap();
    assert!(first.iter().all(|fired| fired.disposition == Disposition::Queued));
    let batch: Vec<Fire> =
        triggers.iter().flat_map(|trigger| keys.iter().map(move |key| event(trigger, key))).collect();
    let second = store.record_fires(RecordFires::new(batch, at(1))).await.unwrap();
    for (first, second) in first.iter().zip(second) {
        assert_eq!(second, Fired { run_id: first.run_id, disposition: Disposition::Duplicate });
    }
    for (fired, key) in first.iter().zip(keys) {
        let run = store.run(&ada(), fired.run_id).await.unwrap().0;
        assert_eq!((run.key, run.trigger), (FireKey::Event(key.into()), TriggerKind::Email));
    }
}

pub async fn an_event_key_is_never_taken_for_a_due_time(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let due = FireKey::Scheduled(at(60));
    let mut batch = vec![fire(&trigger, at(60))];
    for text in [due.dedupe_key(), at(60).timestamp_micros().to_string(), at(60).to_rfc3339()] {
        batch.push(event(&trigger, &text));
    }
    let fired = store.record_fires(RecordFires::new(batch, at(60))).await.unwrap();
    assert!(fired.iter().all(|fired| fired.disposition == Disposition::Queued));
}

pub async fn a_fire_of_no_trigger_writes_nothing(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let gone = fire(&Trigger { id: trigger_id(), ..trigger }, at(60));
    let fired = store.record_fires(RecordFires::new(vec![gone.clone()], at(60))).await.unwrap();
    assert_eq!(fired, [Fired { run_id: gone.run_id, disposition: Disposition::Gone }]);
    assert_eq!(count(store).await, 0);
}

pub async fn due_times_of_a_deployment_that_is_not_active_are_skipped_with_the_reason(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let cases = [
        (DeploymentStatus::Paused, SkipReason::Paused),
        (DeploymentStatus::NeedsAttention, SkipReason::NeedsAttention),
    ];
    for (minute, (wanted, reason)) in (1..).zip(cases) {
        store.set_status(&ada(), trigger.deployment_id, status(wanted)).await.unwrap();
        let due = fire(&trigger, at(60 * minute));
        let fired = store.record_fires(RecordFires::new(vec![due.clone()], at(60 * minute + 1))).await.unwrap();
        assert_eq!(fired[0].disposition, Disposition::Skipped(reason));
        assert_eq!(cursor(store, &trigger).await, at(60 * minute));
        let run = store.run(&ada(), due.run_id).await.unwrap().0;
        assert_eq!((run.state, run.skip_reason), (RunState::Skipped, Some(reason)));
    }
    store.set_status(&ada(), trigger.deployment_id, status(DeploymentStatus::Active)).await.unwrap();
    queue(store, &trigger, at(600)).await;
}

pub async fn a_skipped_run_is_whole_and_never_starts(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    for (minute, reason) in (1..).zip([SkipReason::Coalesced, SkipReason::Expired]) {
        let due = Fire { skip: Some(reason), ..fire(&trigger, at(60 * minute)) };
        let id = due.run_id;
        store.record_fires(RecordFires::new(vec![due], at(500))).await.unwrap();
        let (run, attempts) = store.run(&ada(), id).await.unwrap();
        assert_eq!((run.state, run.skip_reason, attempts.len()), (RunState::Skipped, Some(reason), 0));
        assert_eq!((run.created_at, run.completed_at, run.started_at), (at(500), Some(at(500)), None));
        assert_eq!((run.epoch, run.claim, run.error, run.result), (0, None, None, None));
    }
    let claimed = store.claim(claim(at(10_000))).await.unwrap();
    assert_eq!((claimed.runs, claimed.next_at), (vec![], None));
}

pub async fn payloads_are_kept_exactly(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "mail", vec![on_email("mail")]).await.triggers.remove(0);
    let mut payloads = odd_json();
    payloads.push(serde_json::json!({"large": "\u{1F426}".repeat(256 * 1024)}));
    for (number, payload) in payloads.into_iter().enumerate() {
        let fire = Fire { payload: Some(payload.clone()), ..event(&trigger, &number.to_string()) };
        let id = fire.run_id;
        store.record_fires(RecordFires::new(vec![fire], at(0))).await.unwrap();
        let read = store.run(&ada(), id).await.unwrap().0.payload;
        assert!(read == Some(payload), "payload {number}");
    }
}

pub async fn a_large_batch_is_recorded_whole(test: StoreUnderTest) {
    let store = &*test.store;
    let triggers = deploy(store, &ada(), "many", (0..40).map(|n| every_minute(&format!("f{n}"))).collect()).await.triggers;
    let batch: Vec<Fire> = triggers
        .iter()
        .flat_map(|trigger| (1..=50).map(move |minute| fire(trigger, at(60 * minute))))
        .collect();
    let fired = store.record_fires(RecordFires::new(batch, at(3000))).await.unwrap();
    assert!(fired.iter().all(|fired| fired.disposition == Disposition::Queued));
    assert_eq!(fired.iter().map(|fired| fired.run_id).collect::<HashSet<_>>().len(), 2000);
    assert_eq!(count(store).await, 2000);
    assert!(store.scan_triggers(None, 100).await.unwrap().iter().all(|trigger| trigger.cursor == at(3000)));
}

pub async fn sixty_four_nodes_that_record_the_same_due_times_make_one_run_each(test: StoreUnderTest) {
    let trigger = minutely(&*test.store, &ada(), "daily").await;
    let mut nodes = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&test.store);
        let batch: Vec<Fire> = (1..=10).map(|minute| fire(&trigger, at(60 * minute))).collect();
        nodes.spawn(async move { store.record_fires(RecordFires::new(batch, at(600))).await.unwrap() });
    }
    let answers = nodes.join_all().await;
    let queued = answers.iter().flatten().filter(|fired| fired.disposition == Disposition::Queued);
    assert_eq!(queued.count(), 10);
    assert!(answers.windows(2).all(|pair| pair[0].iter().zip(&pair[1]).all(|(a, b)| a.run_id == b.run_id)));
    assert_eq!(count(&*test.store).await, 10);
    assert_eq!(cursor(&*test.store, &trigger).await, at(600));
}

pub async fn jitter_holds_a_run_back_without_changing_its_due_time(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let late = Fire { not_before: at(60) + TimeDelta::milliseconds(1500), ..fire(&trigger, at(60)) };
    store.record_fires(RecordFires::new(vec![late], at(60))).await.unwrap();
    let claimed = store.claim(claim(at(61))).await.unwrap();
    assert_eq!((claimed.runs.len(), claimed.next_at), (0, Some(at(60) + TimeDelta::milliseconds(1500))));
    assert_eq!(store.claim(claim(at(62))).await.unwrap().runs[0].scheduled_for, at(60));
}
