//! Leases, fences, and what becomes of runs whose worker was lost.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use wren_core::ErrorCode;
use wren_core::model::{AttemptEnd, Completion, Delivery, Fence, Run, RunPolicy, RunState};
use wren_core::store::{AppendLogs, EnqueueRun, ExtendOutcome, Held, Store};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, read, refused, running};
use crate::fixtures::{
    LEASE, NOW, ada, at, claim, failure, finish, held, line, request, retry, run_id, success,
};

/// When the lease of a run claimed at the time of the fixtures has ended.
fn ended() -> chrono::DateTime<chrono::Utc> {
    NOW + LEASE
}

async fn running_with(store: &dyn Store, policy: RunPolicy) -> Run {
    let id = deploy(store, &ada(), &format!("d-{}", run_id()), vec![]).await.deployment.id;
    let queued = store.enqueue(&ada(), EnqueueRun { policy, ..request(id) }).await.unwrap();
    claimed(store, queued.id).await
}

pub async fn a_heartbeat_moves_the_end_of_the_lease(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    assert_eq!(store.extend(vec![held(&run)], at(30), LEASE).await.unwrap(), [ExtendOutcome::Held]);
    assert_eq!(read(store, &run).await.claim.unwrap().lease_until, at(30) + LEASE);
    assert_eq!(store.rescue_expired(ended(), 10).await.unwrap(), []);
    assert_eq!(store.rescue_expired(at(30) + LEASE, 10).await.unwrap().len(), 1);
}

pub async fn a_heartbeat_never_shortens_a_lease(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    store.extend(vec![held(&run)], at(1), TimeDelta::seconds(1)).await.unwrap();
    assert_eq!(read(store, &run).await.claim, run.claim);
}

pub async fn heartbeats_are_answered_in_order(test: StoreUnderTest) {
    let store = &*test.store;
    let (kept, asked, done) =
        (running(store, &ada()).await, running(store, &ada()).await, running(store, &ada()).await);
    store.request_cancel(&ada(), asked.id, failure("stop"), at(1)).await.unwrap();
    store.finish(finish(&done, success(), at(1))).await.unwrap();
    let unknown = Held { run_id: run_id(), fence: Fence { epoch: 1 } };
    let wrong = Held { run_id: kept.id, fence: Fence { epoch: 2 } };
    let batch = vec![held(&done), held(&asked), unknown, wrong, held(&kept)];
    let answers = store.extend(batch, at(2), LEASE).await.unwrap();
    use ExtendOutcome::{CancelRequested, Lost};
    assert_eq!(answers, [Lost, CancelRequested, Lost, Lost, ExtendOutcome::Held]);
    for run in [&kept, &asked] {
        assert_eq!(read(store, run).await.claim.unwrap().lease_until, at(2) + LEASE);
    }
    assert_eq!(store.extend(vec![], at(2), LEASE).await.unwrap(), []);
}

pub async fn a_lost_claim_writes_nothing(test: StoreUnderTest) {
    let store = &*test.store;
    let lost = running(store, &ada()).await;
    let append = |run: &Run, text: &str| AppendLogs { held: held(run), lines: vec![line(text)] };
    assert_eq!(store.append_logs(vec![append(&lost, "mine")]).await.unwrap(), [true]);
    store.rescue_expired(ended(), 10).await.unwrap();
    let writes_nothing = async || {
        let before = (store.run(&ada(), lost.id).await.unwrap(), store.logs(&ada(), lost.id, 0, 10).await.unwrap());
        assert_eq!(store.append_logs(vec![append(&lost, "late")]).await.unwrap(), [false]);
        assert_eq!(store.extend(vec![held(&lost)], ended(), LEASE).await.unwrap(), [ExtendOutcome::Lost]);
        for completion in [success(), Completion::Failed(failure("late")), retry(at(900))] {
            let mut late = finish(&lost, completion, at(61));
            late.logs = vec![line("late")];
            assert_eq!(refused(store.finish(late).await), ErrorCode::Conflict);
        }
        let after = (store.run(&ada(), lost.id).await.unwrap(), store.logs(&ada(), lost.id, 0, 10).await.unwrap());
        assert_eq!(after, before);
    };
    writes_nothing().await;
    let again = store.claim(claim(ended())).await.unwrap().runs.remove(0);
    assert_eq!((again.id, again.epoch, again.attempt), (lost.id, 2, 2));
    writes_nothing().await;
    assert_eq!(store.append_logs(vec![append(&again, "new")]).await.unwrap(), [true]);
    store.finish(finish(&again, success(), at(62))).await.unwrap();
    writes_nothing().await;
    let texts: Vec<_> = store.logs(&ada(), lost.id, 0, 10).await.unwrap().into_iter().map(|entry| entry.text).collect();
    assert_eq!(texts, ["mine", "new"]);
}

pub async fn a_rescue_queues_the_run_for_another_attempt(test: StoreUnderTest) {
    let store = &*test.store;
    let lost = running(store, &ada()).await;
    let just_before = ended() - TimeDelta::microseconds(1);
    assert_eq!(store.rescue_expired(just_before, 10).await.unwrap(), []);
    let rescued = store.rescue_expired(ended(), 10).await.unwrap();
    let (run, attempts) = store.run(&ada(), lost.id).await.unwrap();
    assert_eq!(rescued, std::slice::from_ref(&run));
    assert_eq!((run.state, run.not_before, &run.claim), (RunState::Queued, ended(), &None));
    assert_eq!((run.attempt, run.orphaned, run.failures, run.epoch), (2, 1, 0, 1));
    assert_eq!(run.error.as_ref().unwrap().code, ErrorCode::WorkerLost);
    assert_eq!((attempts.len(), attempts[0].end, attempts[0].ended_at), (1, Some(AttemptEnd::Lost), Some(ended())));
    assert_eq!(attempts[0].error.as_ref().unwrap().code, ErrorCode::WorkerLost);
    assert_eq!(store.rescue_expired(ended(), 10).await.unwrap(), []);
    let (again, attempts) = {
        let run = store.claim(claim(ended())).await.unwrap().runs.remove(0);
        store.run(&ada(), run.id).await.unwrap()
    };
    assert_eq!((again.id, again.epoch, again.error), (lost.id, 2, None));
    assert_eq!(attempts.iter().map(|a| (a.number, a.epoch)).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
}

pub async fn a_rescue_takes_no_more_than_its_limit_and_misses_none(test: StoreUnderTest) {
    let store = &*test.store;
    for _ in 0..7 {
        running(store, &ada()).await;
    }
    assert_eq!(store.rescue_expired(ended(), 0).await.unwrap(), []);
    let mut counts = Vec::new();
    for _ in 0..4 {
        counts.push(store.rescue_expired(ended(), 3).await.unwrap().len());
    }
    assert_eq!(counts, [3, 3, 1, 0]);
}

pub async fn at_most_once_fails_when_its_worker_is_lost(test: StoreUnderTest) {
    let store = &*test.store;
    let policy = RunPolicy { delivery: Delivery::AtMostOnce, retries: 3, ..RunPolicy::default() };
    let lost = running_with(store, policy).await;
    let rescued = store.rescue_expired(ended(), 10).await.unwrap();
    let (run, attempts) = store.run(&ada(), lost.id).await.unwrap();
    assert_eq!(rescued, std::slice::from_ref(&run));
    assert_eq!((run.state, run.completed_at), (RunState::Failed, Some(ended())));
    assert_eq!(run.error.unwrap().code, ErrorCode::WorkerLost);
    assert_eq!(attempts[0].end, Some(AttemptEnd::Lost));
    assert_eq!(store.claim(claim(at(9999))).await.unwrap().runs, []);
}

pub async fn a_run_that_loses_worker_after_worker_fails_in_the_end(test: StoreUnderTest) {
    let store = &*test.store;
    let mut run = running(store, &ada()).await;
    let mut now = ended();
    for lost in 1..=5 {
        let rescued = store.rescue_expired(now, 10).await.unwrap().remove(0);
        assert_eq!((rescued.state, rescued.orphaned), (RunState::Queued, lost));
        run = store.claim(claim(now)).await.unwrap().runs.remove(0);
        now += LEASE;
    }
    let rescued = store.rescue_expired(now, 10).await.unwrap().remove(0);
    assert_eq!((rescued.state, rescued.orphaned), (RunState::Failed, 6));
    assert_eq!(rescued.error.unwrap().code, ErrorCode::WorkerLost);
    assert_eq!(store.run(&ada(), run.id).await.unwrap().1.len(), 6);
}

pub async fn a_lost_run_that_was_asked_to_end_is_cancelled(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    store.request_cancel(&ada(), run.id, failure("stop"), at(1)).await.unwrap();
    let rescued = store.rescue_expired(ended(), 10).await.unwrap().remove(0);
    assert_eq!((rescued.state, rescued.error), (RunState::Cancelled, Some(failure("stop"))));
    assert_eq!(store.run(&ada(), run.id).await.unwrap().1[0].end, Some(AttemptEnd::Lost));
}

pub async fn a_late_worker_may_still_finish_until_it_is_rescued(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let late = ended() + LEASE;
    assert_eq!(store.extend(vec![held(&run)], late, LEASE).await.unwrap(), [ExtendOutcome::Held]);
    assert_eq!(store.finish(finish(&run, success(), late)).await.unwrap().state, RunState::Success);
    assert_eq!(store.rescue_expired(late + LEASE, 10).await.unwrap(), []);
}

pub async fn concurrent_rescuers_take_each_run_once(test: StoreUnderTest) {
    for _ in 0..40 {
        running(&*test.store, &ada()).await;
    }
    let mut rescuers = JoinSet::new();
    for _ in 0..32 {
        let store = Arc::clone(&test.store);
        rescuers.spawn(async move { store.rescue_expired(ended(), 7).await.unwrap() });
    }
    let rescued: Vec<Run> = rescuers.join_all().await.into_iter().flatten().collect();
    assert_eq!(rescued.len(), 40);
    assert!(rescued.iter().all(|run| run.orphaned == 1));
}

pub async fn a_finish_and_a_rescue_never_both_win(test: StoreUnderTest) {
    let mut races = JoinSet::new();
    for _ in 0..40 {
        let run = running(&*test.store, &ada()).await;
        let store = Arc::clone(&test.store);
        races.spawn(async move {
            let finished = store.finish(finish(&run, success(), ended())).await.is_ok();
            (run, finished)
        });
        let store = Arc::clone(&test.store);
        tokio::spawn(async move { store.rescue_expired(ended(), 10).await.unwrap() }).await.unwrap();
    }
    for (run, finished) in races.join_all().await {
        let (run, attempts) = test.store.run(&ada(), run.id).await.unwrap();
        let expected = if finished {
            (RunState::Success, Some(AttemptEnd::Success), 0)
        } else {
            (RunState::Queued, Some(AttemptEnd::Lost), 1)
        };
        assert_eq!((run.state, attempts[0].end, run.orphaned), expected);
    }
}
