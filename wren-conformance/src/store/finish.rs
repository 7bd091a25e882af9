//! The end of an attempt: every edge out of `running` that a worker takes.

use serde_json::json;
use wren_core::model::{AttemptEnd, Completion, Isolation, Run, RunEvent, RunState, SkipReason};
use wren_core::store::{AppendLogs, ExtendOutcome, RecordFires, Store};
use wren_core::{CorrelationId, Error, ErrorCode, Location, WireError};

use super::StoreUnderTest;
use super::steps::{read, refused, running};
use crate::fixtures::{LEASE, ada, at, claim, failure, finish, held, line, odd_json, retry, success};

/// Returns every completion, with the state it leads to and what the attempt's record says.
fn completions() -> Vec<(Completion, RunState, AttemptEnd)> {
    let timed_out = Completion::Retry { error: failure("slow"), timed_out: true, not_before: at(9) };
    vec![
        (success(), RunState::Success, AttemptEnd::Success),
        (Completion::Failed(failure("raised")), RunState::Failed, AttemptEnd::Failed),
        (Completion::Timeout(failure("slow")), RunState::Timeout, AttemptEnd::Timeout),
        (Completion::Cancelled(failure("stopped")), RunState::Cancelled, AttemptEnd::Cancelled),
        (retry(at(9)), RunState::Queued, AttemptEnd::Failed),
        (timed_out, RunState::Queued, AttemptEnd::Timeout),
        (Completion::Release { not_before: at(9) }, RunState::Queued, AttemptEnd::Lost),
    ]
}

pub async fn every_completion_ends_the_attempt_and_is_recorded(test: StoreUnderTest) {
    let store = &*test.store;
    for (completion, state, end) in completions() {
        let run = running(store, &ada()).await;
        let mut expected = run.clone();
        let event = RunEvent::Complete { fence: held(&run).fence, completion: completion.clone(), isolation: None };
        expected.apply(event, at(5)).unwrap();
        let answer = store.finish(finish(&run, completion.clone(), at(5))).await.unwrap();
        let (stored, attempts) = store.run(&ada(), run.id).await.unwrap();
        assert_eq!((&answer, &stored), (&expected, &expected), "{completion:?}");
        assert_eq!(stored.state, state);
        assert_eq!((attempts.len(), attempts[0].end, attempts[0].ended_at), (1, Some(end), Some(at(5))));
        assert_eq!(attempts[0].error, expected.error, "{completion:?}");
    }
}

pub async fn a_finish_repeated_is_answered_and_writes_nothing(test: StoreUnderTest) {
    let store = &*test.store;
    for (completion, _, _) in completions() {
        let run = running(store, &ada()).await;
        let mut end = finish(&run, completion.clone(), at(5));
        end.logs = vec![line("last words")];
        let first = store.finish(end.clone()).await.unwrap();
        let before = store.run(&ada(), run.id).await.unwrap();
        end.now = at(6);
        assert_eq!(store.finish(end).await.unwrap(), first, "{completion:?}");
        assert_eq!(store.run(&ada(), run.id).await.unwrap(), before);
        assert_eq!(store.logs(&ada(), run.id, 0, 10).await.unwrap().len(), 1, "{completion:?}");
    }
}

pub async fn a_finish_repeated_after_another_claim_has_lost(test: StoreUnderTest) {
    let store = &*test.store;
    let again = completions().into_iter().filter(|(_, state, _)| *state == RunState::Queued);
    for (completion, _, _) in again {
        let run = running(store, &ada()).await;
        store.finish(finish(&run, completion.clone(), at(5))).await.unwrap();
        let second = store.claim(claim(at(9))).await.unwrap().runs.remove(0);
        assert_eq!((second.id, second.epoch), (run.id, 2));
        assert_eq!(refused(store.finish(finish(&run, completion, at(10))).await), ErrorCode::Conflict);
        assert_eq!(read(store, &run).await, second);
        store.finish(finish(&second, success(), at(11))).await.unwrap();
    }
}

pub async fn a_finish_that_contradicts_the_first_is_refused(test: StoreUnderTest) {
    let store = &*test.store;
    for (first, _, end) in completions() {
        for (second, _, other) in completions() {
            if end == other {
                continue;
            }
            let run = running(store, &ada()).await;
            let ended = store.finish(finish(&run, first.clone(), at(5))).await.unwrap();
            let second = finish(&run, second, at(6));
            assert_eq!(refused(store.finish(second).await), ErrorCode::Conflict);
            assert_eq!(read(store, &run).await, ended);
        }
    }
}

pub async fn a_retry_waits_for_its_time_and_counts(test: StoreUnderTest) {
    let store = &*test.store;
    let mut run = running(store, &ada()).await;
    for attempt in 1..=3 {
        let due = at(100 * i64::from(attempt));
        let again = store.finish(finish(&run, retry(due), due - LEASE)).await.unwrap();
        assert_eq!((again.attempt, again.failures, again.not_before), (attempt + 1, attempt, due));
        assert_eq!(again.error, Some(failure("raised")), "a queued run says why the attempt before failed");
        let early = store.claim(claim(due - chrono::TimeDelta::microseconds(1))).await.unwrap();
        assert_eq!((early.runs.len(), early.next_at), (0, Some(due)));
        run = store.claim(claim(due)).await.unwrap().runs.remove(0);
        assert_eq!((run.attempt, run.epoch, &run.error), (attempt + 1, u64::from(attempt) + 1, &None));
    }
    let done = store.finish(finish(&run, success(), at(400))).await.unwrap();
    assert_eq!((done.state, done.failures, done.attempt, done.error), (RunState::Success, 3, 4, None));
    let attempts = store.run(&ada(), run.id).await.unwrap().1;
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(attempts[3].end, Some(AttemptEnd::Success));
    assert_eq!(attempts[0].error, Some(failure("raised")));
}

pub async fn a_release_uses_up_no_retry(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let released = store.finish(finish(&run, Completion::Release { not_before: at(3) }, at(3))).await.unwrap();
    assert_eq!((released.state, released.attempt), (RunState::Queued, 2));
    assert_eq!((released.failures, released.orphaned), (0, 0));
    assert_eq!(store.claim(claim(at(3))).await.unwrap().runs[0].id, run.id);
}

pub async fn a_run_asked_to_end_is_not_queued_again(test: StoreUnderTest) {
    let store = &*test.store;
    for (completion, _, end) in completions().into_iter().filter(|(_, state, _)| *state == RunState::Queued) {
        let run = running(store, &ada()).await;
        store.request_cancel(&ada(), run.id, failure("stop"), at(1)).await.unwrap();
        let ended = store.finish(finish(&run, completion.clone(), at(2))).await.unwrap();
        assert_eq!((ended.state, ended.completed_at), (RunState::Cancelled, Some(at(2))));
        assert_eq!((ended.error, ended.failures), (Some(failure("stop")), 0));
        assert_eq!(store.run(&ada(), run.id).await.unwrap().1[0].end, Some(end));
        let repeated = store.finish(finish(&run, completion, at(3))).await.unwrap();
        assert_eq!(repeated.state, RunState::Cancelled);
    }
    assert_eq!(store.claim(claim(at(9999))).await.unwrap().runs, []);
}

async fn ended_in(store: &dyn Store, state: RunState) -> Run {
    let trigger = super::steps::minutely(store, &ada(), &format!("d-{}", crate::fixtures::run_id())).await;
    if state == RunState::Skipped {
        let mut due = crate::fixtures::fire(&trigger, at(60));
        due.skip = Some(SkipReason::Expired);
        store.record_fires(RecordFires::new(vec![due.clone()], at(60))).await.unwrap();
        return store.run(&ada(), due.run_id).await.unwrap().0;
    }
    let run = running(store, &ada()).await;
    let (completion, _, _) = completions().into_iter().find(|(_, end, _)| *end == state).unwrap();
    store.finish(finish(&run, completion, at(5))).await.unwrap()
}

pub async fn a_terminal_run_is_immutable(test: StoreUnderTest) {
    let store = &*test.store;
    for state in RunState::ALL.into_iter().filter(|state| state.is_terminal()) {
        let ended = ended_in(store, state).await;
        assert_eq!(ended.state, state);
        let before = store.run(&ada(), ended.id).await.unwrap();
        let cancel = store.request_cancel(&ada(), ended.id, failure("too late"), at(9)).await;
        assert_eq!(refused(cancel), ErrorCode::Conflict);
        assert_eq!(store.extend(vec![held(&ended)], at(9), LEASE).await.unwrap(), [ExtendOutcome::Lost]);
        let append = AppendLogs { held: held(&ended), lines: vec![line("late")] };
        assert_eq!(store.append_logs(vec![append]).await.unwrap(), [false]);
        for (completion, _, end) in completions() {
            let mut late = finish(&ended, completion, at(9));
            late.logs = vec![line("late")];
            let repeats = before.1.first().is_some_and(|attempt| attempt.end == Some(end));
            assert_eq!(store.finish(late).await.is_ok(), repeats, "a {} run", state.as_str());
        }
        assert_eq!(store.rescue_expired(at(99_999), 10).await.unwrap(), []);
        assert_eq!(store.claim(claim(at(99_999))).await.unwrap().runs, []);
        assert_eq!(store.run(&ada(), ended.id).await.unwrap(), before);
        assert_eq!(store.logs(&ada(), ended.id, 0, 10).await.unwrap(), []);
    }
}

pub async fn the_last_lines_are_stored_with_the_end(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    store.append_logs(vec![AppendLogs { held: held(&run), lines: vec![line("one")] }]).await.unwrap();
    let mut end = finish(&run, retry(at(9)), at(5));
    end.logs = vec![line("two"), line("three")];
    store.finish(end).await.unwrap();
    let logs = store.logs(&ada(), run.id, 0, 10).await.unwrap();
    assert_eq!(logs.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert!(logs.iter().all(|entry| entry.attempt == 1), "they belong to the attempt that ended");
}

pub async fn results_are_kept_exactly(test: StoreUnderTest) {
    let store = &*test.store;
    let mut results = odd_json();
    results.push(json!("é".repeat(512 * 1024)));
    for (number, result) in results.into_iter().enumerate() {
        let run = running(store, &ada()).await;
        store.finish(finish(&run, Completion::Success(result.clone()), at(1))).await.unwrap();
        assert!(read(store, &run).await.result == Some(result), "result {number}");
    }
}

pub async fn errors_and_isolation_are_kept_whole(test: StoreUnderTest) {
    let store = &*test.store;
    let error = Error::new(ErrorCode::ScriptException, "ValueError: \u{1F426} “no”")
        .with_hint("say yes")
        .with_location(Location { line: 3, column: Some(5), end_column: None, snippet: Some("\traise".into()) })
        .with_traceback("Traceback:\n  \u{0}")
        .with_action_url("https://wrens.ie/a")
        .with_docs_url("https://docs.wrens.ie/b")
        .with_detail("n", json!({"deep": [1, 2.5, null]}))
        .with_retryable(true);
    let error = WireError::from(&error).with_correlation_id(CorrelationId::new("corr_other").unwrap());
    let run = running(store, &ada()).await;
    let isolation = Some(Isolation { executor: "process".into(), tier: "bubblewrap".into() });
    let mut end = finish(&run, Completion::Failed(error.clone()), at(1));
    end.isolation = isolation.clone();
    store.finish(end).await.unwrap();
    let (run, attempts) = store.run(&ada(), run.id).await.unwrap();
    assert_eq!((run.error, run.isolation), (Some(error.clone()), isolation));
    assert_eq!(attempts[0].error, Some(error));
}

pub async fn a_clock_set_back_ends_no_run_before_it_started(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let ended = store.finish(finish(&run, success(), at(-3600))).await.unwrap();
    assert_eq!(ended.completed_at, run.started_at);
    assert_eq!(read(store, &run).await, ended);
}

pub async fn one_of_many_concurrent_ends_wins(test: StoreUnderTest) {
    let run = running(&*test.store, &ada()).await;
    let mut ends = tokio::task::JoinSet::new();
    for number in 0..64 {
        let store = std::sync::Arc::clone(&test.store);
        let mut end = finish(&run, Completion::Success(json!(number)), at(1));
        end.logs = vec![line(&number.to_string())];
        ends.spawn(async move { store.finish(end).await.unwrap().result });
    }
    let results = ends.join_all().await;
    assert!(results.iter().all(|result| *result == results[0]), "all are answered with the one that won");
    let logs = test.store.logs(&ada(), run.id, 0, 100).await.unwrap();
    assert_eq!(logs.len(), 1);
    assert_eq!(Some(json!(logs[0].text.parse::<i32>().unwrap())), results[0]);
}
