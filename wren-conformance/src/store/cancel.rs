//! Asking a run to end.

use std::sync::Arc;

use wren_core::ErrorCode;
use wren_core::model::{AttemptEnd, Completion, RunState};
use wren_core::store::ExtendOutcome;

use super::StoreUnderTest;
use super::steps::{deploy, minutely, queue, read, refused, running};
use crate::fixtures::{LEASE, ada, at, claim, failure, finish, held, request, retry, run_id, success};

pub async fn a_queued_run_is_cancelled_at_once(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let id = queue(store, &trigger, at(0)).await;
    let answer = store.request_cancel(&ada(), id, failure("no need"), at(1)).await.unwrap();
    let (run, attempts) = store.run(&ada(), id).await.unwrap();
    assert_eq!(answer, run);
    assert_eq!((run.state, run.completed_at, run.error), (RunState::Cancelled, Some(at(1)), Some(failure("no need"))));
    assert_eq!((run.started_at, attempts.len()), (None, 0));
    assert_eq!(store.claim(claim(at(100))).await.unwrap().runs, []);
}

pub async fn a_running_run_is_asked_and_ends_by_its_worker(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let answer = store.request_cancel(&ada(), run.id, failure("stop"), at(1)).await.unwrap();
    assert_eq!(read(store, &run).await, answer);
    assert_eq!((answer.state, answer.cancel_requested), (RunState::Running, true));
    assert_eq!((answer.error.clone(), answer.claim), (Some(failure("stop")), run.claim.clone()));
    let heartbeat = store.extend(vec![held(&run)], at(2), LEASE).await.unwrap();
    assert_eq!(heartbeat, [ExtendOutcome::CancelRequested]);
    let ended = store.finish(finish(&run, Completion::Cancelled(failure("stopped")), at(3))).await.unwrap();
    assert_eq!((ended.state, &ended.error), (RunState::Cancelled, &Some(failure("stop"))), "the record says who asked");
    let (stored, attempts) = store.run(&ada(), run.id).await.unwrap();
    assert_eq!((&stored, &attempts[0].error), (&ended, &Some(failure("stop"))));
    assert_eq!(attempts[0].end, Some(AttemptEnd::Cancelled));
}

pub async fn a_run_that_ended_well_before_it_heard_is_a_success(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    store.request_cancel(&ada(), run.id, failure("stop"), at(1)).await.unwrap();
    let ended = store.finish(finish(&run, success(), at(2))).await.unwrap();
    assert_eq!((ended.state, ended.error), (RunState::Success, None));
}

pub async fn asking_again_changes_nothing(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let first = store.request_cancel(&ada(), run.id, failure("first"), at(1)).await.unwrap();
    let second = store.request_cancel(&ada(), run.id, failure("second"), at(2)).await.unwrap();
    assert_eq!(second, first);
}

pub async fn a_run_waiting_for_its_next_attempt_is_cancelled_at_once(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    store.finish(finish(&run, retry(at(500)), at(5))).await.unwrap();
    let answer = store.request_cancel(&ada(), run.id, failure("enough"), at(6)).await.unwrap();
    assert_eq!((answer.state, answer.completed_at), (RunState::Cancelled, Some(at(6))));
    assert_eq!(answer.error, Some(failure("enough")));
    let claimed = store.claim(claim(at(500))).await.unwrap();
    assert_eq!((claimed.runs, claimed.next_at), (vec![], None));
}

pub async fn a_cancelled_run_cannot_be_cancelled(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let run = store.enqueue(&ada(), request(id)).await.unwrap();
    let cancelled = store.request_cancel(&ada(), run.id, failure("one"), at(1)).await.unwrap();
    assert_eq!(refused(store.request_cancel(&ada(), run.id, failure("two"), at(2)).await), ErrorCode::Conflict);
    assert_eq!(read(store, &run).await, cancelled);
}

pub async fn a_run_that_is_not_there_cannot_be_cancelled(test: StoreUnderTest) {
    let answer = test.store.request_cancel(&ada(), run_id(), failure("what"), at(1)).await;
    assert_eq!(refused(answer), ErrorCode::NotFound);
}

pub async fn a_cancel_and_a_claim_that_race_agree(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    for _ in 0..40 {
        let run = store.enqueue(&ada(), request(id)).await.unwrap();
        let other = Arc::clone(&test.store);
        let claimer = tokio::spawn(async move { other.claim(claim(at(1))).await.unwrap().runs });
        let answer = store.request_cancel(&ada(), run.id, failure("stop"), at(1)).await.unwrap();
        let claimed = claimer.await.unwrap();
        let read = read(store, &run).await;
        if claimed.is_empty() {
            assert_eq!((answer.state, read.state), (RunState::Cancelled, RunState::Cancelled));
        } else {
            assert_eq!((read.state, read.cancel_requested), (RunState::Running, true));
        }
    }
}
