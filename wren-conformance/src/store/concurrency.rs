//! Everything at once, and what must hold afterwards.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;
use wren_core::model::{AttemptEnd, PageOptions, Run, RunState, Trigger};
use wren_core::store::{
    AppendLogs, ClaimOptions, EnqueueRun, Expect, ListRuns, Namespace, PutOptions, RecordFires, Store,
};
use wren_core::{DeploymentId, ErrorCode, OwnerId};

use super::StoreUnderTest;
use super::steps::deploy;
use crate::fixtures::{
    LEASE, NOW, at, claim, every_minute, failure, finish, fire, held, limits, line, owner, request, retry, success,
    with_script, worker,
};

const WRITERS: u32 = 64;
const ROUNDS: u32 = 12;

/// One of many: fires, asks, claims, prints, ends, deploys and cancels, in an order of its own.
async fn write(store: &dyn Store, number: u32, owner: &OwnerId, trigger: &Trigger) {
    let me = worker(&format!("wkr_{number}"));
    for round in 0..ROUNDS {
        let due = at(i64::from(round) + 1);
        // All writers of an owner fire the same due times: one run each.
        store.record_fires(RecordFires::new(vec![fire(trigger, due)], due)).await.unwrap();
        let asked = EnqueueRun { idempotency_key: Some(format!("{number}/{round}")), ..request(trigger.deployment_id) };
        let asked = store.enqueue(owner, asked).await.unwrap();
        let options = ClaimOptions { worker: me.clone(), limits: limits(4), ..claim(at(100)) };
        for run in store.claim(options).await.unwrap().runs {
            work(store, &run, number + round).await;
        }
        match (number + round) % 8 {
            0 => deploy_again(store, owner, number, round).await,
            1 => match store.request_cancel(owner, asked.id, failure("no"), at(100)).await {
                Ok(_) => {}
                Err(error) => assert_eq!(error.code(), ErrorCode::Conflict),
            },
            2 => {
                store.rescue_expired(at(100), 10).await.unwrap();
            }
            3 => {
                store.runs(owner, ListRuns { page: PageOptions::first(7), ..Default::default() }).await.unwrap();
            }
            _ => count(store, owner).await,
        }
    }
}

async fn work(store: &dyn Store, run: &Run, dice: u32) {
    let lines = vec![line("one"), line("two")];
    assert_eq!(store.append_logs(vec![AppendLogs { held: held(run), lines }]).await.unwrap(), [true]);
    store.extend(vec![held(run)], at(101), LEASE).await.unwrap();
    let completion = if dice.is_multiple_of(5) && run.attempt == 1 { retry(at(100)) } else { success() };
    let mut end = finish(run, completion, at(102));
    end.logs = vec![line("end")];
    store.finish(end).await.unwrap();
}

async fn deploy_again(store: &dyn Store, owner: &OwnerId, number: u32, round: u32) {
    let deploy = with_script("daily", &format!("# {number} {round}"), vec![every_minute("main")]);
    assert!(store.put_revision(owner, deploy).await.unwrap().changed);
}

async fn count(store: &dyn Store, owner: &OwnerId) {
    let space = Namespace::owned(owner, "count");
    let found = store.record(&space, "n", NOW).await.unwrap();
    let count: u32 = found.as_ref().map_or(0, |record| std::str::from_utf8(&record.value).unwrap().parse().unwrap());
    let expect = found.map_or(Expect::Absent, |record| Expect::Version(record.version));
    let options = PutOptions::at(NOW).expecting(expect);
    match store.put_record(&space, "n", Bytes::from((count + 1).to_string()), options).await {
        Ok(_) => {}
        Err(error) => assert_eq!(error.code(), ErrorCode::Conflict),
    }
}

pub async fn sixty_four_writers_of_everything_break_no_invariant(test: StoreUnderTest) {
    let owners: Vec<OwnerId> = (0..4).map(|number| owner(&format!("owner{number}"))).collect();
    let mut triggers = Vec::new();
    for owner in &owners {
        triggers.push(deploy(&*test.store, owner, "daily", vec![every_minute("main")]).await.triggers.remove(0));
    }
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let place = number as usize % owners.len();
        let (store, owner, trigger) = (Arc::clone(&test.store), owners[place].clone(), triggers[place].clone());
        writers.spawn(async move { write(&*store, number, &owner, &trigger).await });
    }
    writers.join_all().await;
    // What is left is worked off, so that every run can be looked at in its last state.
    loop {
        let runs = test.store.claim(claim(at(200))).await.unwrap().runs;
        if runs.is_empty() {
            break;
        }
        for run in runs {
            work(&*test.store, &run, 1).await;
        }
    }
    let test = test.reopen().await;
    for (owner, trigger) in owners.iter().zip(&triggers) {
        check_runs(&*test.store, owner, trigger).await;
        check_revisions(&*test.store, owner, trigger.deployment_id).await;
    }
}

async fn check_runs(store: &dyn Store, owner: &OwnerId, trigger: &Trigger) {
    let page = PageOptions::first(100_000);
    let runs = store.runs(owner, ListRuns { page, ..Default::default() }).await.unwrap().items;
    let fired = runs.iter().filter(|run| run.trigger_id == Some(trigger.id)).count();
    assert_eq!(fired, ROUNDS as usize, "one run for each due time");
    assert_eq!(runs.len() - fired, (WRITERS / 4 * ROUNDS) as usize, "one run for each request");
    assert_eq!(runs.iter().map(|run| run.id).collect::<HashSet<_>>().len(), runs.len());
    let overview = store.deployment(owner, trigger.deployment_id).await.unwrap();
    assert_eq!(overview.triggers[0].cursor, at(i64::from(ROUNDS)).max(trigger.cursor));
    for run in runs {
        let (read, attempts) = store.run(owner, run.id).await.unwrap();
        assert_eq!(read, run);
        assert!(run.state.is_terminal() && run.claim.is_none() && run.completed_at.is_some());
        assert_eq!(attempts.len() as u64, run.epoch, "one attempt for each claim");
        assert!(attempts.iter().all(|attempt| attempt.end.is_some()));
        let ends = attempts.iter().filter(|attempt| attempt.end == Some(AttemptEnd::Success)).count();
        assert_eq!(ends, usize::from(run.state == RunState::Success));
        let logs = store.logs(owner, run.id, 0, 1000).await.unwrap();
        assert_eq!(logs.len(), 3 * attempts.len(), "three lines for each attempt, no more and no less");
        assert!(logs.windows(2).all(|pair| pair[0].seq < pair[1].seq && pair[0].attempt <= pair[1].attempt));
    }
}

async fn check_revisions(store: &dyn Store, owner: &OwnerId, id: DeploymentId) {
    let last = store.deployment(owner, id).await.unwrap().deployment.revision;
    for number in 1..=last {
        assert_eq!(store.revision(owner, id, number).await.unwrap().number, number);
    }
    assert!(store.revision(owner, id, last + 1).await.is_err());
}
