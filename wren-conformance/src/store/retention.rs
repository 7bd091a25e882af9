//! Deleting what has ended long ago.

use wren_core::ErrorCode;
use wren_core::model::{RunState, SkipReason};
use wren_core::store::{Disposition, EnqueueRun, Fire, ListRuns, RecordFires};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, minutely, queue, refused, running};
use crate::fixtures::{ada, at, claim, event, finish, fire, line, on_email, request, retry, success};

pub async fn only_runs_that_ended_before_are_pruned(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let mut ended = Vec::new();
    for second in [10, 20, 30] {
        let run = running(store, &ada()).await;
        store.finish(finish(&run, success(), at(second))).await.unwrap();
        ended.push(run.id);
    }
    let waiting = running(store, &ada()).await;
    store.finish(finish(&waiting, retry(at(900)), at(5))).await.unwrap();
    let busy = running(store, &ada()).await;
    let queued = queue(store, &trigger, at(0)).await;
    assert_eq!(store.prune(at(10), 100).await.unwrap(), 0, "what ended at the very moment stays");
    assert_eq!(store.prune(at(30), 100).await.unwrap(), 2);
    for id in &ended[..2] {
        assert_eq!(refused(store.run(&ada(), *id).await), ErrorCode::NotFound);
    }
    assert_eq!(store.prune(at(9999), 100).await.unwrap(), 1);
    for id in [waiting.id, busy.id, queued] {
        assert!(!store.run(&ada(), id).await.unwrap().0.state.is_terminal());
    }
    store.finish(finish(&busy, success(), at(40))).await.unwrap();
}

pub async fn a_prune_takes_no_more_than_its_limit_and_ends(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let skip = |minute: i64| Fire { skip: Some(SkipReason::Expired), ..fire(&trigger, at(60 * minute)) };
    store.record_fires(RecordFires::new((1..=7).map(skip).collect(), at(600))).await.unwrap();
    let mut counts = Vec::new();
    for _ in 0..4 {
        counts.push(store.prune(at(601), 3).await.unwrap());
    }
    assert_eq!(counts, [3, 3, 1, 0]);
    assert_eq!(store.prune(at(601), 0).await.unwrap(), 0);
}

pub async fn nothing_of_a_pruned_run_is_left(test: StoreUnderTest) {
    let store = &*test.store;
    let run = running(store, &ada()).await;
    let mut end = finish(&run, success(), at(1));
    end.logs = vec![line("gone")];
    store.finish(end.clone()).await.unwrap();
    store.prune(at(2), 10).await.unwrap();
    assert_eq!(refused(store.run(&ada(), run.id).await), ErrorCode::NotFound);
    assert_eq!(refused(store.logs(&ada(), run.id, 0, 10).await), ErrorCode::NotFound);
    assert_eq!(refused(store.finish(end).await), ErrorCode::Conflict);
    assert_eq!(store.runs(&ada(), ListRuns::default()).await.unwrap().items, []);
    assert!(store.deployment(&ada(), run.deployment_id).await.is_ok(), "the deployment stays");
}

pub async fn an_event_and_a_request_may_come_again_after_their_run_was_pruned(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "mail", vec![on_email("mail")]).await.triggers.remove(0);
    let keyed = || EnqueueRun { idempotency_key: Some("k".into()), ..request(trigger.deployment_id) };
    store.record_fires(RecordFires::new(vec![event(&trigger, "<1@host>")], at(0))).await.unwrap();
    let asked = store.enqueue(&ada(), keyed()).await.unwrap();
    for run in store.claim(claim(at(1))).await.unwrap().runs {
        store.finish(finish(&run, success(), at(2))).await.unwrap();
    }
    assert_eq!(store.prune(at(3), 10).await.unwrap(), 2);
    let again = store.record_fires(RecordFires::new(vec![event(&trigger, "<1@host>")], at(4))).await.unwrap();
    assert_eq!(again[0].disposition, Disposition::Queued);
    let again = store.enqueue(&ada(), keyed()).await.unwrap();
    assert_ne!(again.id, asked.id);
    assert_eq!(again.state, RunState::Queued);
}

pub async fn a_cursor_into_what_was_pruned_still_leads_on(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    for second in [30, 20, 10] {
        let id = queue(store, &trigger, at(second)).await;
        if second == 20 {
            let run = store.claim(claim(at(20))).await.unwrap().runs.into_iter().find(|run| run.id == id).unwrap();
            store.finish(finish(&run, success(), at(21))).await.unwrap();
        }
    }
    let page = wren_core::model::PageOptions::first(2);
    let first = store.runs(&ada(), ListRuns { page, ..Default::default() }).await.unwrap();
    assert_eq!(store.prune(at(22), 10).await.unwrap(), 1);
    let page = wren_core::model::PageOptions { after: first.next, limit: 2 };
    let rest = store.runs(&ada(), ListRuns { page, ..Default::default() }).await.unwrap();
    assert_eq!(rest.items.iter().map(|run| run.scheduled_for).collect::<Vec<_>>(), [at(10)]);
}

pub async fn a_pruned_run_no_longer_counts_as_running(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let first = store.enqueue(&ada(), request(id)).await.unwrap();
    let run = claimed(store, first.id).await;
    store.finish(finish(&run, success(), at(1))).await.unwrap();
    store.prune(at(2), 10).await.unwrap();
    let second = store.enqueue(&ada(), request(id)).await.unwrap();
    let limits = wren_core::store::ClaimLimits { batch: 5, per_deployment: 1, per_owner: 1 };
    let options = wren_core::store::ClaimOptions { limits, ..claim(at(3)) };
    assert_eq!(store.claim(options).await.unwrap().runs[0].id, second.id);
}

pub async fn old_logs_are_pruned_before_their_runs(test: StoreUnderTest) {
    let store = &*test.store;
    let mut ended = Vec::new();
    for second in [10, 20, 30] {
        let run = running(store, &ada()).await;
        let end = wren_core::store::FinishOptions { logs: vec![line("said")], ..finish(&run, success(), at(second)) };
        ended.push(store.finish(end).await.unwrap());
    }
    let busy = running(store, &ada()).await;
    let lines = wren_core::store::AppendLogs { held: finish(&busy, success(), at(0)).held, lines: vec![line("busy")] };
    assert_eq!(store.append_logs(vec![lines]).await.unwrap(), [true]);
    assert_eq!(store.prune_logs(None, at(10), 100).await.unwrap().runs, 0, "what ended at the very moment stays");
    assert_eq!(store.prune_logs(Some(at(11)), at(30), 100).await.unwrap().runs, 1, "nothing before is looked at");
    assert_eq!(store.prune_logs(None, at(30), 100).await.unwrap().runs, 1);
    assert_eq!(store.prune_logs(None, at(30), 100).await.unwrap().runs, 0, "each is pruned once");
    let reopened = test.reopen().await;
    let store = &*reopened.store;
    for (run, pruned) in ended.iter().zip([true, true, false]) {
        let (found, attempts) = store.run(&ada(), run.id).await.unwrap();
        assert_eq!(found, wren_core::model::Run { logs_pruned: pruned, ..run.clone() });
        assert_eq!(attempts.len(), 1);
        assert_eq!(store.logs(&ada(), run.id, 0, 10).await.unwrap().is_empty(), pruned);
    }
    assert_eq!(store.logs(&ada(), busy.id, 0, 10).await.unwrap().len(), 1);
    let listed = store.runs(&ada(), ListRuns::default()).await.unwrap().items;
    assert_eq!(listed.iter().filter(|run| run.logs_pruned).count(), 2);
    // Runs without their logs end as others do.
    assert_eq!(store.prune(at(9999), 100).await.unwrap(), 3);
    store.finish(finish(&busy, success(), at(40))).await.unwrap();
}

pub async fn a_prune_of_logs_takes_no_more_than_its_limit_and_ends(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    for _ in 0..5 {
        // All at one instant: no order tells them apart.
        let run = running(store, &ada()).await;
        store.finish(finish(&run, success(), at(10))).await.unwrap();
    }
    let skip = Fire { skip: Some(SkipReason::Expired), ..fire(&trigger, at(60)) };
    store.record_fires(RecordFires::new(vec![skip], at(10))).await.unwrap();
    let mut counts = Vec::new();
    for _ in 0..4 {
        let pruned = store.prune_logs(Some(at(10)), at(11), 2).await.unwrap();
        counts.push((pruned.runs, pruned.next));
    }
    let more = Some(at(10));
    assert_eq!(counts, [(2, more), (2, more), (1, None), (0, None)], "what never started printed nothing");
    assert_eq!(store.prune_logs(None, at(11), 0).await.unwrap().runs, 0);

    // Whoever goes on at `next` leaves nothing out, however much was printed and however little a call takes of it.
    let mut ended = Vec::new();
    for second in 20..24 {
        let run = running(store, &ada()).await;
        let logs = (0..6_000).map(|_| line("much")).collect();
        store.finish(wren_core::store::FinishOptions { logs, ..finish(&run, success(), at(second)) }).await.unwrap();
        ended.push(run.id);
    }
    let mut since = None;
    while let Some(next) = store.prune_logs(since, at(30), 3).await.unwrap().next {
        assert!(since < Some(next), "it gets on from {since:?}");
        since = Some(next);
    }
    for id in ended {
        assert!(store.logs(&ada(), id, 0, 1).await.unwrap().is_empty());
    }
}
