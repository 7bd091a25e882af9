//! What happens when a trigger is due while an earlier run of it has not ended.

use wren_core::RunId;
use wren_core::model::{Overlap, RunState, SkipReason, Trigger};
use wren_core::store::{Disposition, EnqueueRun, Fire, RecordFires, Store};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, queue};
use crate::fixtures::{
    ada, at, claim, every_minute, finish, fire, held, request, retry, success, with_overlap, LEASE,
};

async fn deployed(store: &dyn Store, overlap: Overlap) -> Trigger {
    deploy(store, &ada(), "daily", vec![with_overlap(every_minute("main"), overlap)]).await.triggers.remove(0)
}

async fn record(store: &dyn Store, trigger: &Trigger, seconds: &[i64]) -> Vec<Disposition> {
    let batch = seconds.iter().map(|second| fire(trigger, at(*second))).collect();
    let fired = store.record_fires(RecordFires::new(batch, at(*seconds.last().unwrap()))).await.unwrap();
    fired.into_iter().map(|fired| fired.disposition).collect()
}

async fn state(store: &dyn Store, id: RunId) -> RunState {
    store.run(&ada(), id).await.unwrap().0.state
}

const OVERLAP: Disposition = Disposition::Skipped(SkipReason::Overlap);

pub async fn skip_skips_while_a_run_is_queued_or_running(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Skip).await;
    let id = queue(store, &trigger, at(0)).await;
    assert_eq!(record(store, &trigger, &[60]).await, [OVERLAP]);
    let run = claimed(store, id).await;
    assert_eq!(record(store, &trigger, &[120]).await, [OVERLAP]);
    store.finish(finish(&run, retry(at(500)), at(121))).await.unwrap();
    assert_eq!(record(store, &trigger, &[180]).await, [OVERLAP], "a run that waits for its next attempt has not ended");
    store.request_cancel(&ada(), id, crate::fixtures::failure("enough"), at(181)).await.unwrap();
    assert_eq!(record(store, &trigger, &[240]).await, [Disposition::Queued]);
}

pub async fn skip_sees_the_earlier_fires_of_its_own_batch(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Skip).await;
    assert_eq!(record(store, &trigger, &[60, 120, 180]).await, [Disposition::Queued, OVERLAP, OVERLAP]);
    let page = store.runs(&ada(), Default::default()).await.unwrap();
    assert_eq!(page.items.len(), 3, "what was skipped is recorded too");
}

pub async fn skipped_fires_and_manual_runs_do_not_count_as_runs_of_the_trigger(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Skip).await;
    store.enqueue(&ada(), request(trigger.deployment_id)).await.unwrap();
    let skipped = Fire { skip: Some(SkipReason::Coalesced), ..fire(&trigger, at(60)) };
    store.record_fires(RecordFires::new(vec![skipped], at(60))).await.unwrap();
    assert_eq!(record(store, &trigger, &[120]).await, [Disposition::Queued]);
}

pub async fn triggers_of_one_deployment_do_not_overlap_each_other(test: StoreUnderTest) {
    let store = &*test.store;
    let specs = ["a", "b"].map(|func| with_overlap(every_minute(func), Overlap::Skip));
    let triggers = deploy(store, &ada(), "daily", specs.into()).await.triggers;
    let batch = triggers.iter().map(|trigger| fire(trigger, at(60))).collect();
    let fired = store.record_fires(RecordFires::new(batch, at(60))).await.unwrap();
    assert!(fired.iter().all(|fired| fired.disposition == Disposition::Queued));
}

pub async fn allow_runs_beside_earlier_ones(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Allow).await;
    assert_eq!(record(store, &trigger, &[60, 120]).await, [Disposition::Queued; 2]);
    assert_eq!(store.claim(claim(at(120))).await.unwrap().runs.len(), 2);
}

pub async fn queue_runs_one_after_the_other_in_the_order_of_due_times(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Queue).await;
    assert_eq!(record(store, &trigger, &[180, 60, 120]).await, [Disposition::Queued; 3]);
    for expected in [60, 120, 180] {
        let runs = store.claim(claim(at(1000))).await.unwrap().runs;
        assert_eq!(runs.iter().map(|run| run.scheduled_for).collect::<Vec<_>>(), [at(expected)]);
        assert_eq!(store.claim(claim(at(1000))).await.unwrap().runs, [], "it waits while the earlier one runs");
        store.finish(finish(&runs[0], success(), at(1001))).await.unwrap();
    }
    assert_eq!(store.claim(claim(at(1000))).await.unwrap().runs, []);
}

pub async fn a_serial_run_waits_for_the_retries_of_the_earlier_one(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Queue).await;
    record(store, &trigger, &[0, 60]).await;
    let first = store.claim(claim(at(60))).await.unwrap().runs.remove(0);
    store.finish(finish(&first, retry(at(500)), at(61))).await.unwrap();
    let waiting = store.claim(claim(at(100))).await.unwrap();
    assert_eq!((waiting.runs, waiting.next_at), (vec![], Some(at(500))));
    let second_try = store.claim(claim(at(500))).await.unwrap().runs;
    assert_eq!(second_try.iter().map(|run| run.id).collect::<Vec<_>>(), [first.id]);
}

pub async fn a_serial_run_waits_for_an_earlier_one_that_jitter_holds_back(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Queue).await;
    let jittered = Fire { not_before: at(90), ..fire(&trigger, at(60)) };
    store.record_fires(RecordFires::new(vec![jittered.clone(), fire(&trigger, at(61))], at(61))).await.unwrap();
    assert_eq!(store.claim(claim(at(70))).await.unwrap().runs, []);
    assert_eq!(store.claim(claim(at(90))).await.unwrap().runs[0].id, jittered.run_id);
}

pub async fn an_earlier_due_time_recorded_late_goes_first(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Queue).await;
    let later = queue(store, &trigger, at(120)).await;
    let earlier = queue(store, &trigger, at(60)).await;
    let runs = store.claim(claim(at(200))).await.unwrap().runs;
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [earlier]);
    store.request_cancel(&ada(), later, crate::fixtures::failure("no"), at(201)).await.unwrap();
}

pub async fn serial_runs_of_one_trigger_keep_no_other_waiting(test: StoreUnderTest) {
    let store = &*test.store;
    let serial = deployed(store, Overlap::Queue).await;
    let other = deploy(store, &ada(), "other", vec![with_overlap(every_minute("main"), Overlap::Queue)]).await;
    let seconds: Vec<i64> = (0..300).collect();
    record(store, &serial, &seconds).await;
    let free = queue(store, &other.triggers[0], at(400)).await;
    let options = wren_core::store::ClaimOptions { limits: crate::fixtures::limits(2), ..claim(at(400)) };
    let runs = store.claim(options).await.unwrap().runs;
    assert_eq!(runs.iter().map(|run| run.scheduled_for).collect::<Vec<_>>(), [at(0), at(400)]);
    assert_eq!(runs[1].id, free);
}

pub async fn a_lost_serial_run_goes_on_before_the_later_ones(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Queue).await;
    record(store, &trigger, &[0, 60]).await;
    let lost = store.claim(claim(at(60))).await.unwrap().runs.remove(0);
    let later = at(60) + LEASE;
    store.rescue_expired(later, 10).await.unwrap();
    let runs = store.claim(claim(later)).await.unwrap().runs;
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [lost.id]);
}

pub async fn cancel_previous_cancels_the_queued_and_asks_the_running_to_end(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::CancelPrevious).await;
    let first = queue(store, &trigger, at(0)).await;
    let running = claimed(store, first).await;
    let second = queue(store, &trigger, at(60)).await;
    let asked = store.run(&ada(), first).await.unwrap().0;
    assert_eq!((asked.state, asked.cancel_requested), (RunState::Running, true));
    assert_eq!(asked.error, Some(wren_core::store::superseded()));
    let third = queue(store, &trigger, at(120)).await;
    let replaced = store.run(&ada(), second).await.unwrap().0;
    assert_eq!((replaced.state, replaced.completed_at), (RunState::Cancelled, Some(at(120))));
    assert_eq!(replaced.error, Some(wren_core::store::superseded()));
    assert_eq!(store.claim(claim(at(120))).await.unwrap().runs, [], "the new one waits until the old one has ended");
    let answer = store.extend(vec![held(&running)], at(121), LEASE).await.unwrap();
    assert_eq!(answer, [wren_core::store::ExtendOutcome::CancelRequested]);
    store.finish(finish(&running, retry(at(122)), at(122))).await.unwrap();
    assert_eq!(state(store, first).await, RunState::Cancelled, "a run asked to end is not tried again");
    assert_eq!(store.claim(claim(at(122))).await.unwrap().runs[0].id, third);
}

pub async fn cancel_previous_leaves_only_the_last_of_a_batch(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::CancelPrevious).await;
    assert_eq!(record(store, &trigger, &[60, 120, 180]).await, [Disposition::Queued; 3]);
    let runs = store.claim(claim(at(200))).await.unwrap().runs;
    assert_eq!(runs.iter().map(|run| run.scheduled_for).collect::<Vec<_>>(), [at(180)]);
    let states: Vec<_> = store.runs(&ada(), Default::default()).await.unwrap().items.iter().map(|r| r.state).collect();
    assert_eq!(states, [RunState::Running, RunState::Cancelled, RunState::Cancelled]);
}

pub async fn cancel_previous_does_not_touch_runs_of_others(test: StoreUnderTest) {
    let store = &*test.store;
    let spec = |func| with_overlap(every_minute(func), Overlap::CancelPrevious);
    let triggers = deploy(store, &ada(), "daily", vec![spec("a"), spec("b")]).await.triggers;
    let manual = store.enqueue(&ada(), request(triggers[0].deployment_id)).await.unwrap().id;
    let other = queue(store, &triggers[1], at(0)).await;
    record(store, &triggers[0], &[0, 60]).await;
    assert_eq!(state(store, manual).await, RunState::Queued);
    assert_eq!(state(store, other).await, RunState::Queued);
}

pub async fn manual_runs_wait_for_nobody(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deployed(store, Overlap::Queue).await;
    record(store, &trigger, &[0]).await;
    let policy = trigger.spec.policy.clone();
    for _ in 0..2 {
        let manual = EnqueueRun { policy: policy.clone(), ..request(trigger.deployment_id) };
        store.enqueue(&ada(), manual).await.unwrap();
    }
    assert_eq!(store.claim(claim(at(0))).await.unwrap().runs.len(), 3);
}
