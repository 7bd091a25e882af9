//! Which runs a worker gets.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use wren_core::RunId;
use wren_core::model::{Attempt, DeploymentStatus, RunState};
use wren_core::store::{ClaimLimits, ClaimOptions, EnqueueRun, Fire, ListRuns, RecordFires, Store};

use super::StoreUnderTest;
use super::steps::{deploy, minutely, queue};
use crate::fixtures::{
    LEASE, NOW, ada, at, bob, claim, every_minute, finish, fire, limits, owner, request, run_id, status, success, worker,
};

async fn claim_ids(store: &dyn Store, limits: ClaimLimits) -> Vec<RunId> {
    let options = ClaimOptions { limits, ..claim(at(1000)) };
    store.claim(options).await.unwrap().runs.iter().map(|run| run.id).collect()
}

/// Deploys a script and queues manual runs of it, a second apart.
async fn backlog(store: &dyn Store, who: &str, name: &str, count: i64) -> Vec<RunId> {
    let id = deploy(store, &owner(who), name, vec![]).await.deployment.id;
    let mut ids = Vec::new();
    for second in 0..count {
        ids.push(store.enqueue(&owner(who), EnqueueRun { now: at(second), ..request(id) }).await.unwrap().id);
    }
    ids
}

pub async fn a_claim_starts_the_run_and_its_attempt(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let id = queue(store, &trigger, at(60)).await;
    let options = ClaimOptions { worker: worker("wkr_2:a"), ..claim(at(61)) };
    let claimed = store.claim(options).await.unwrap().runs;
    let (run, attempts) = store.run(&ada(), id).await.unwrap();
    assert_eq!(claimed, std::slice::from_ref(&run));
    assert_eq!((run.state, run.epoch, run.attempt, run.started_at), (RunState::Running, 1, 1, Some(at(61))));
    let lease = run.claim.unwrap();
    assert_eq!((lease.worker, lease.lease_until), (worker("wkr_2:a"), at(61) + LEASE));
    let expected = Attempt {
        number: 1,
        epoch: 1,
        worker: worker("wkr_2:a"),
        started_at: at(61),
        ended_at: None,
        end: None,
        error: None,
    };
    assert_eq!(attempts, [expected]);
}

pub async fn nothing_is_claimed_before_it_is_due(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let early = Fire { not_before: at(90), ..fire(&trigger, at(60)) };
    let late = Fire { not_before: at(150), ..fire(&trigger, at(120)) };
    store.record_fires(RecordFires::new(vec![late.clone(), early.clone()], at(60))).await.unwrap();
    let just_before = at(90) - chrono::TimeDelta::microseconds(1);
    let nothing = store.claim(claim(just_before)).await.unwrap();
    assert_eq!((nothing.runs.len(), nothing.next_at), (0, Some(at(90))));
    let first = store.claim(claim(at(90))).await.unwrap();
    assert_eq!((first.runs[0].id, first.runs.len(), first.next_at), (early.run_id, 1, Some(at(150))));
    let second = store.claim(claim(at(150))).await.unwrap();
    assert_eq!((second.runs[0].id, second.next_at), (late.run_id, None));
}

pub async fn an_empty_store_has_nothing_to_claim(test: StoreUnderTest) {
    let claimed = test.store.claim(claim(NOW)).await.unwrap();
    assert_eq!((claimed.runs, claimed.next_at), (vec![], None));
}

pub async fn the_oldest_go_first(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let mut fires = vec![
        Fire { not_before: at(30), ..fire(&trigger, at(3)) },
        Fire { not_before: at(10), ..fire(&trigger, at(2)) },
        Fire { not_before: at(10), ..fire(&trigger, at(1)) },
        Fire { not_before: at(20), ..fire(&trigger, at(0)) },
    ];
    let expected = [fires[2].run_id, fires[1].run_id, fires[3].run_id, fires[0].run_id];
    fires.rotate_left(1);
    store.record_fires(RecordFires::new(fires, at(40))).await.unwrap();
    assert_eq!(claim_ids(store, limits(1)).await, expected[..1]);
    assert_eq!(claim_ids(store, limits(10)).await, expected[1..]);
}

pub async fn a_claim_takes_no_more_than_its_batch(test: StoreUnderTest) {
    let store = &*test.store;
    let ids = backlog(store, "ada", "one", 5).await;
    assert_eq!(claim_ids(store, limits(0)).await, []);
    assert_eq!(claim_ids(store, limits(2)).await, ids[..2]);
    assert_eq!(claim_ids(store, limits(9)).await, ids[2..]);
}

pub async fn a_deployment_has_no_more_running_than_its_limit(test: StoreUnderTest) {
    let store = &*test.store;
    let ids = backlog(store, "ada", "one", 4).await;
    let limits = ClaimLimits { per_deployment: 2, ..limits(10) };
    assert_eq!(claim_ids(store, limits).await, ids[..2]);
    assert_eq!(claim_ids(store, limits).await, [], "what runs counts");
    let run = store.run(&owner("ada"), ids[0]).await.unwrap().0;
    store.finish(finish(&run, success(), at(1001))).await.unwrap();
    assert_eq!(claim_ids(store, limits).await, ids[2..3]);
}

pub async fn an_owner_has_no_more_running_than_their_limit(test: StoreUnderTest) {
    let store = &*test.store;
    let first = backlog(store, "ada", "one", 2).await;
    backlog(store, "ada", "two", 2).await;
    let other = backlog(store, "bob", "one", 1).await;
    let limits = ClaimLimits { per_owner: 1, ..limits(10) };
    let mut claimed = claim_ids(store, limits).await;
    claimed.sort();
    assert_eq!(claimed, [first[0], other[0]]);
    assert_eq!(claim_ids(store, limits).await, []);
}

pub async fn a_full_deployment_hides_nothing_behind_it(test: StoreUnderTest) {
    let store = &*test.store;
    let full = backlog(store, "ada", "full", 300).await;
    let id = deploy(store, &owner("ada"), "other", vec![]).await.deployment.id;
    let other = store.enqueue(&owner("ada"), EnqueueRun { now: at(900), ..request(id) }).await.unwrap().id;
    let limits = ClaimLimits { per_deployment: 1, ..limits(2) };
    assert_eq!(claim_ids(store, limits).await, [full[0], other]);
}

pub async fn owners_take_turns(test: StoreUnderTest) {
    let store = &*test.store;
    let many = backlog(store, "ada", "one", 300).await;
    let few = backlog(store, "bob", "one", 2).await;
    assert_eq!(claim_ids(store, limits(5)).await, [many[0], few[0], many[1], few[1], many[2]]);
}

pub async fn a_hundred_owners_take_turns(test: StoreUnderTest) {
    let store = &*test.store;
    let many = backlog(store, "ada", "one", 300).await;
    let mut wanted = vec![many[0]];
    for number in 0..140 {
        let id = deploy(store, &owner(&format!("owner-{number}")), "one", vec![]).await.deployment.id;
        let request = EnqueueRun { now: at(400 + number), ..request(id) };
        wanted.push(store.enqueue(&owner(&format!("owner-{number}")), request).await.unwrap().id);
    }
    wanted.extend(&many[1..60]);
    assert_eq!(claim_ids(store, limits(200)).await, wanted);
}

pub async fn owners_whose_time_has_not_come_take_no_turn(test: StoreUnderTest) {
    let store = &*test.store;
    let mut waiting = 0;
    // Few owners and many, since a store may look at them in different ways.
    for (who, owners) in [("ada", 20), ("bob", 140)] {
        for number in waiting..owners {
            let id = deploy(store, &owner(&format!("owner-{number}")), "one", vec![]).await.deployment.id;
            let request = EnqueueRun { now: at(5000), ..request(id) };
            store.enqueue(&owner(&format!("owner-{number}")), request).await.unwrap();
        }
        waiting = owners;
        let due = backlog(store, who, "one", 100).await;
        assert_eq!(claim_ids(store, limits(90)).await, due[..90], "{owners} owners wait");
        assert_eq!(claim_ids(store, limits(90)).await, due[90..], "{owners} owners wait");
    }
}

pub async fn an_owner_with_less_running_comes_first(test: StoreUnderTest) {
    let store = &*test.store;
    let busy = backlog(store, "ada", "one", 5).await;
    assert_eq!(claim_ids(store, limits(3)).await, busy[..3]);
    let id = deploy(store, &bob(), "one", vec![]).await.deployment.id;
    let idle = store.enqueue(&bob(), EnqueueRun { now: at(999), ..request(id) }).await.unwrap().id;
    assert_eq!(claim_ids(store, limits(1)).await, [idle]);
}

pub async fn fired_runs_wait_while_their_deployment_is_not_active(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let now = queue(store, &trigger, at(0)).await;
    let later = Fire { not_before: at(5000), ..fire(&trigger, at(60)) };
    store.record_fires(RecordFires::new(vec![later], at(60))).await.unwrap();
    for wanted in [DeploymentStatus::Paused, DeploymentStatus::NeedsAttention] {
        store.set_status(&ada(), trigger.deployment_id, status(wanted)).await.unwrap();
        let claimed = store.claim(claim(at(1000))).await.unwrap();
        assert_eq!((claimed.runs.len(), claimed.next_at), (0, None), "{wanted:?}");
    }
    store.set_status(&ada(), trigger.deployment_id, status(DeploymentStatus::Active)).await.unwrap();
    let claimed = store.claim(claim(at(1000))).await.unwrap();
    assert_eq!((claimed.runs[0].id, claimed.next_at), (now, Some(at(5000))));
}

pub async fn a_paused_deployment_hides_nothing_behind_it(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let fires = (0..300).map(|second| fire(&trigger, at(second))).collect();
    store.record_fires(RecordFires::new(fires, at(300))).await.unwrap();
    store.set_status(&ada(), trigger.deployment_id, status(DeploymentStatus::Paused)).await.unwrap();
    let manual = store.enqueue(&ada(), EnqueueRun { now: at(900), ..request(trigger.deployment_id) }).await.unwrap();
    let id = deploy(store, &ada(), "other", vec![]).await.deployment.id;
    let other = store.enqueue(&ada(), EnqueueRun { now: at(901), ..request(id) }).await.unwrap();
    assert_eq!(claim_ids(store, limits(2)).await, [manual.id, other.id]);
}

pub async fn runs_already_running_are_not_claimed_again(test: StoreUnderTest) {
    let store = &*test.store;
    let ids = backlog(store, "ada", "one", 3).await;
    assert_eq!(claim_ids(store, limits(10)).await, ids);
    assert_eq!(claim_ids(store, limits(10)).await, []);
    // A lease that has ended is a matter of the rescue, not of the next claim.
    let options = claim(at(1000) + LEASE + LEASE);
    assert_eq!(store.claim(options).await.unwrap().runs, []);
}

pub async fn sixty_four_claimers_of_a_thousand_runs_never_share_one(test: StoreUnderTest) {
    let specs = (0..20).map(|number| every_minute(&format!("f{number}"))).collect();
    let triggers = deploy(&*test.store, &ada(), "many", specs).await.triggers;
    let fires = triggers.iter().flat_map(|trigger| (1..=50).map(move |minute| fire(trigger, at(minute)))).collect();
    test.store.record_fires(RecordFires::new(fires, at(50))).await.unwrap();
    let (start, mut claimers) = (Arc::new(Barrier::new(64)), JoinSet::new());
    for number in 0..64 {
        let (store, start) = (Arc::clone(&test.store), Arc::clone(&start));
        claimers.spawn(async move {
            let me = worker(&format!("wkr_{number}"));
            let mut mine = Vec::new();
            start.wait().await;
            loop {
                let options = ClaimOptions { worker: me.clone(), limits: limits(7), ..claim(at(100)) };
                let runs = store.claim(options).await.unwrap().runs;
                if runs.is_empty() {
                    return mine;
                }
                assert!(runs.len() <= 7);
                mine.extend(runs.into_iter().map(|run| (run.id, me.clone())));
            }
        });
    }
    let claimed: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 1000);
    let by_run: HashMap<RunId, _> = claimed.into_iter().collect();
    assert_eq!(by_run.len(), 1000);
    let page = wren_core::model::PageOptions::first(2000);
    let runs = test.store.runs(&ada(), ListRuns { page, ..Default::default() }).await.unwrap().items;
    assert_eq!(runs.len(), 1000);
    for run in runs {
        assert_eq!((run.state, run.epoch), (RunState::Running, 1));
        assert_eq!(run.claim.unwrap().worker, by_run[&run.id], "the store and the worker agree on who has it");
    }
}

pub async fn concurrent_claimers_respect_the_limit_of_a_deployment(test: StoreUnderTest) {
    let store = &*test.store;
    backlog(store, "ada", "one", 100).await;
    let mut claimers = JoinSet::new();
    for _ in 0..32 {
        let store = Arc::clone(&test.store);
        let limits = ClaimLimits { per_deployment: 10, ..limits(3) };
        claimers.spawn(async move { claim_ids(&*store, limits).await.len() });
    }
    assert_eq!(claimers.join_all().await.into_iter().sum::<usize>(), 10);
}

pub async fn an_unknown_run_is_held_by_nobody(test: StoreUnderTest) {
    let unknown = wren_core::store::Held { run_id: run_id(), fence: wren_core::model::Fence { epoch: 0 } };
    let answer = test.store.extend(vec![unknown], NOW, LEASE).await.unwrap();
    assert_eq!(answer, [wren_core::store::ExtendOutcome::Lost]);
    let append = wren_core::store::AppendLogs { held: unknown, lines: vec![] };
    assert_eq!(test.store.append_logs(vec![append]).await.unwrap(), [false]);
}
