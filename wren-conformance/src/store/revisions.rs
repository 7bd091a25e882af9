//! Deploys of a name that exists: idempotence, revision numbers, what happens to the triggers.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;
use wren_core::ErrorCode;
use wren_core::model::{DeploymentStatus, PageOptions, RevisionSummary};
use wren_core::store::{ListDeployments, PutRevision, SetStatus};

use super::StoreUnderTest;
use super::steps::{deploy, queue, refused};
use crate::fixtures::{
    NOW, ada, at, at_nine, bob, claim, every_minute, named, on_email, revision, status, trigger_id, with_script,
};

pub async fn the_same_content_is_the_same_revision(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![every_minute("main"), on_email("mail")]).await;
    let same = PutRevision { now: at(9), ..revision("daily", vec![every_minute("main"), on_email("mail")]) };
    let second = store.put_revision(&ada(), same).await.unwrap();
    assert!(!second.changed);
    assert_eq!((second.deployment, second.triggers), (first.deployment.clone(), first.triggers));
    assert_eq!(second.removed, []);
    assert_eq!(refused(store.revision(&ada(), first.deployment.id, 2).await), ErrorCode::NotFound);
}

pub async fn another_script_or_manifest_is_the_next_revision(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![]).await.deployment;
    let other_script = PutRevision { now: at(1), ..with_script("daily", "# two\n", vec![]) };
    let second = store.put_revision(&ada(), other_script.clone()).await.unwrap();
    assert!(second.changed);
    let mut other_manifest = PutRevision { now: at(2), ..other_script };
    other_manifest.manifest.settings.timeout_ms = Some(1);
    let third = store.put_revision(&ada(), other_manifest).await.unwrap();
    assert!(third.changed);
    assert_eq!((third.deployment.id, third.deployment.revision), (first.id, 3));
    assert_eq!((third.deployment.created_at, third.deployment.updated_at), (NOW, at(2)));
    for (number, script) in [(1, "# daily\n"), (2, "# two\n"), (3, "# two\n")] {
        let read = store.revision(&ada(), first.id, number).await.unwrap();
        assert_eq!((read.number, read.script.as_str()), (number, script));
    }
    assert_eq!(store.deployment(&ada(), first.id).await.unwrap().deployment, third.deployment);
}

pub async fn going_back_to_older_content_is_a_new_revision(test: StoreUnderTest) {
    let store = &*test.store;
    deploy(store, &ada(), "daily", vec![]).await;
    store.put_revision(&ada(), with_script("daily", "# two\n", vec![])).await.unwrap();
    let back = deploy(store, &ada(), "daily", vec![]).await;
    assert!(back.changed);
    assert_eq!(back.deployment.revision, 3);
}

pub async fn concurrent_deploys_of_one_name_give_consecutive_revisions(test: StoreUnderTest) {
    let mut deploys = JoinSet::new();
    for number in 0..64 {
        let store = Arc::clone(&test.store);
        deploys.spawn(async move {
            let deploy = with_script("daily", &format!("# {number}"), vec![every_minute("main")]);
            store.put_revision(&ada(), deploy).await.unwrap()
        });
    }
    let deployed = deploys.join_all().await;
    let numbers: BTreeSet<u32> = deployed.iter().map(|deployed| deployed.deployment.revision).collect();
    assert_eq!(numbers, (1..=64).collect());
    let ids: BTreeSet<_> = deployed.iter().map(|deployed| deployed.deployment.id).collect();
    assert_eq!(ids.len(), 1, "one name is one deployment");
    let triggers = test.store.scan_triggers(None, 10).await.unwrap();
    assert_eq!(triggers.len(), 1, "the trigger that did not change stayed the same one");
    assert_eq!(triggers[0].revision, 64);
}

pub async fn concurrent_deploys_of_the_same_content_store_it_once(test: StoreUnderTest) {
    let mut deploys = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&test.store);
        deploys.spawn(async move {
            store.put_revision(&ada(), revision("daily", vec![every_minute("main")])).await.unwrap()
        });
    }
    let deployed = deploys.join_all().await;
    assert_eq!(deployed.iter().filter(|deployed| deployed.changed).count(), 1);
    assert!(deployed.iter().all(|other| other.triggers == deployed[0].triggers));
}

pub async fn names_are_unique_for_each_owner_only(test: StoreUnderTest) {
    let store = &*test.store;
    let hers = deploy(store, &ada(), "daily", vec![]).await;
    let his = deploy(store, &bob(), "daily", vec![]).await;
    assert!(his.changed);
    assert_ne!(his.deployment.id, hers.deployment.id);
    assert_eq!(his.deployment.revision, 1);
    let upper = deploy(store, &ada(), "Daily", vec![]).await;
    assert_ne!(upper.deployment.id, hers.deployment.id, "names have a case");
}

pub async fn a_trigger_that_did_not_change_keeps_its_id_and_cursor(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![every_minute("main"), on_email("mail")]).await;
    queue(store, &first.triggers[0], at(60)).await;
    let mut new_policy = every_minute("main");
    new_policy.policy.retries = 7;
    let next = with_script("daily", "# two", vec![new_policy.clone()]);
    let next = store.put_revision(&ada(), PutRevision { now: at(90), ..next }).await.unwrap();
    let kept = &next.triggers[0];
    assert_eq!((kept.id, kept.cursor, kept.created_at), (first.triggers[0].id, at(60), NOW));
    assert_eq!((kept.revision, &kept.spec), (2, &new_policy));
    assert_eq!(next.removed, [first.triggers[1].id]);
    assert_eq!(store.scan_triggers(None, 10).await.unwrap(), next.triggers);
    assert_eq!(store.deployment(&ada(), kept.deployment_id).await.unwrap().triggers, next.triggers);
}

pub async fn a_trigger_that_changed_is_another_one_from_now_on(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![every_minute("main"), every_minute("other")]).await;
    let mut new_config = every_minute("main");
    new_config.config.insert("jitter".into(), json!("5s"));
    let mut next = with_script("daily", "# two", vec![new_config, every_minute("renamed")]);
    next.now = at(90);
    let wanted = [next.triggers[0].id, next.triggers[1].id];
    let next = store.put_revision(&ada(), next).await.unwrap();
    assert_eq!([next.triggers[0].id, next.triggers[1].id], wanted);
    assert!(next.triggers.iter().all(|trigger| (trigger.cursor, trigger.created_at) == (at(90), at(90))));
    let mut removed = next.removed.clone();
    removed.sort();
    assert_eq!(removed, [first.triggers[0].id, first.triggers[1].id]);
}

pub async fn a_trigger_whose_zone_changed_with_the_script_is_another_one_from_now_on(test: StoreUnderTest) {
    let store = &*test.store;
    let deploy = |script: &str, zone: &str, now| PutRevision {
        now,
        ..with_script("daily", script, vec![at_nine("main", zone), every_minute("other")])
    };
    let first = store.put_revision(&ada(), deploy("# one", "Europe/Dublin", NOW)).await.unwrap();
    queue(store, &first.triggers[0], at(21 * 3600)).await;
    let same_zone = store.put_revision(&ada(), deploy("# two", "Europe/Dublin", at(90_000))).await.unwrap();
    assert_eq!(same_zone.triggers[0].id, first.triggers[0].id);
    assert_eq!(same_zone.triggers[0].cursor, at(21 * 3600));
    let wanted = deploy("# three", "Asia/Tokyo", at(90_001));
    let id = wanted.triggers[0].id;
    let moved = store.put_revision(&ada(), wanted).await.unwrap();
    assert_eq!(moved.triggers[0].spec.config, first.triggers[0].spec.config);
    assert_eq!((moved.triggers[0].id, &moved.removed), (id, &vec![first.triggers[0].id]));
    // With the old cursor, nine o'clock in Tokyo would be due at once for the morning that Dublin had already.
    assert_eq!((moved.triggers[0].cursor, moved.triggers[0].created_at), (at(90_001), at(90_001)));
    assert_eq!((moved.triggers[1].id, moved.triggers[1].cursor), (first.triggers[1].id, NOW));
    assert_eq!(store.scan_triggers(None, 10).await.unwrap().len(), 2);
}

pub async fn a_paused_deployment_refuses_every_deploy(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.deployment.id;
    store.set_status(&ada(), id, status(DeploymentStatus::Paused)).await.unwrap();
    let before = store.deployment(&ada(), id).await.unwrap();
    for deploy in [with_script("daily", "# two", vec![]), revision("daily", vec![every_minute("main")])] {
        assert_eq!(refused(store.put_revision(&ada(), deploy).await), ErrorCode::Conflict);
    }
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), before);
    assert_eq!(refused(store.revision(&ada(), id, 2).await), ErrorCode::NotFound);
}

pub async fn a_deploy_ends_needs_attention_whether_or_not_the_content_changed(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.deployment.id;
    let needy = SetStatus {
        reason: Some("token".into()),
        action_url: Some("https://wrens.ie".into()),
        ..status(DeploymentStatus::NeedsAttention)
    };
    let same = revision("daily", vec![every_minute("main")]);
    let other = with_script("daily", "# two", vec![every_minute("main")]);
    for (deploy, changed) in [(same, false), (other, true)] {
        store.set_status(&ada(), id, needy.clone()).await.unwrap();
        let deployed = store.put_revision(&ada(), deploy).await.unwrap();
        assert_eq!((deployed.changed, deployed.deployment.status), (changed, DeploymentStatus::Active));
        assert_eq!((&deployed.deployment.status_reason, &deployed.deployment.action_url), (&None, &None));
        assert_eq!(store.deployment(&ada(), id).await.unwrap().deployment, deployed.deployment);
    }
}

pub async fn a_deploy_that_ends_needs_attention_lets_waiting_runs_go_on(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.triggers.remove(0);
    queue(store, &trigger, at(0)).await;
    let needy = status(DeploymentStatus::NeedsAttention);
    store.set_status(&ada(), trigger.deployment_id, needy).await.unwrap();
    assert_eq!(store.claim(claim(NOW)).await.unwrap().runs.len(), 0);
    deploy(store, &ada(), "daily", vec![every_minute("main")]).await;
    assert_eq!(store.claim(claim(NOW)).await.unwrap().runs.len(), 1);
}

pub async fn runs_stay_with_the_revision_and_policy_they_were_fired_for(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![every_minute("main")]).await;
    let before = queue(store, &first.triggers[0], at(60)).await;
    let mut spec = every_minute("main");
    spec.policy.timeout_ms = 1234;
    let next = store.put_revision(&ada(), with_script("daily", "# two", vec![spec])).await.unwrap();
    let after = queue(store, &next.triggers[0], at(120)).await;
    let runs = store.claim(claim(at(120))).await.unwrap().runs;
    let seen: Vec<_> = runs.iter().map(|run| (run.id, run.revision, run.policy.timeout_ms)).collect();
    assert_eq!(seen, [(before, 1, 300_000), (after, 2, 1234)]);
}

pub async fn a_deploy_without_triggers_takes_the_old_ones_away(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![every_minute("main")]).await;
    let next = store.put_revision(&ada(), with_script("daily", "# two", vec![])).await.unwrap();
    assert_eq!((next.triggers.len(), next.removed), (0, vec![first.triggers[0].id]));
    assert_eq!(store.scan_triggers(None, 10).await.unwrap(), []);
    let again = with_script("daily", "# three", vec![every_minute("main")]);
    let wanted = again.triggers[0].id;
    let again = store.put_revision(&ada(), again).await.unwrap();
    assert_eq!(again.triggers[0].id, wanted, "a trigger that came back is a new one");
}

pub async fn a_hundred_triggers_survive_a_redeploy(test: StoreUnderTest) {
    let store = &*test.store;
    let specs: Vec<_> = (0..100).map(|number| on_email(&format!("f{number}"))).collect();
    let first = deploy(store, &ada(), "many", specs.clone()).await;
    let mut next = with_script("many", "# two", specs);
    next.triggers.iter_mut().for_each(|trigger| trigger.id = trigger_id());
    let next = store.put_revision(&ada(), next).await.unwrap();
    let ids = |deployed: &wren_core::store::Deployed| -> Vec<_> {
        deployed.triggers.iter().map(|trigger| trigger.id).collect()
    };
    assert_eq!(ids(&next), ids(&first));
    let list = ListDeployments { name: Some(named("many")), ..Default::default() };
    assert_eq!(store.deployments(&ada(), list).await.unwrap().items[0].triggers, next.triggers);
}

pub async fn revisions_are_listed_latest_first(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![every_minute("main"), on_email("mail")]).await.deployment.id;
    for number in 2..=7 {
        let next = with_script("daily", &format!("# {number}\n"), vec![on_email("mail")]);
        store.put_revision(&ada(), PutRevision { now: at(number), ..next }).await.unwrap();
    }
    let all = store.revisions(&ada(), id, PageOptions::first(50)).await.unwrap();
    assert_eq!((all.items.iter().map(|one| one.number).collect::<Vec<_>>(), all.next), ((1..=7).rev().collect(), None));
    for one in &all.items {
        let whole = store.revision(&ada(), id, one.number).await.unwrap();
        assert_eq!(*one, RevisionSummary::from(&whole));
    }
    assert_eq!((all.items[0].triggers, all.items[6].triggers), (1, 2));
    // Page by page, while another one comes.
    let (mut seen, mut page) = (Vec::new(), PageOptions::first(3));
    loop {
        let got = store.revisions(&ada(), id, page).await.unwrap();
        seen.extend(got.items.iter().map(|one| one.number));
        store.put_revision(&ada(), with_script("daily", &format!("# after {}\n", seen.len()), vec![])).await.unwrap();
        let Some(next) = got.next else { break };
        page = PageOptions { after: Some(next), limit: 3 };
    }
    assert_eq!(seen, (1..=7).rev().collect::<Vec<_>>());
    // Who has no triggers is listed, too, and so is what was undeployed.
    store.set_status(&ada(), id, status(DeploymentStatus::Undeployed)).await.unwrap();
    let latest = store.revisions(&ada(), id, PageOptions::first(1)).await.unwrap().items.remove(0);
    assert_eq!((latest.number, latest.triggers), (10, 0));
}

pub async fn revisions_are_listed_for_their_owner_and_by_their_own_cursors(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    for who in [&bob(), &ada()] {
        let of = if *who == ada() { crate::fixtures::deployment_id() } else { id };
        assert_eq!(refused(store.revisions(who, of, PageOptions::first(5)).await), ErrorCode::NotFound);
    }
    for foreign in ["", "revisions", "revisions.1", "revisions.1.x", "runs.1.1", "deployments.1.1"] {
        let page = PageOptions { after: Some(foreign.to_owned()), limit: 5 };
        assert_eq!(refused(store.revisions(&ada(), id, page).await), ErrorCode::InvalidRequest, "{foreign}");
    }
    let one = store.revisions(&ada(), id, PageOptions::first(0)).await.unwrap();
    assert_eq!(one.items.len(), 1, "a page has at least one when there is one");
}

pub async fn a_revision_of_one_deployment_only_goes_to_no_other(test: StoreUnderTest) {
    let store = &*test.store;
    let first = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let next = |script: &str, only| PutRevision { only: Some(only), ..with_script("daily", script, vec![]) };
    let second = store.put_revision(&ada(), next("# two\n", first)).await.unwrap();
    assert_eq!((second.deployment.id, second.deployment.revision), (first, 2));
    store.set_status(&ada(), first, status(DeploymentStatus::Undeployed)).await.unwrap();
    assert_eq!(refused(store.put_revision(&ada(), next("# three\n", first)).await), ErrorCode::Conflict);
    let other = deploy(store, &ada(), "daily", vec![]).await.deployment;
    assert_eq!(refused(store.put_revision(&ada(), next("# three\n", first)).await), ErrorCode::Conflict);
    assert_eq!(store.deployment(&ada(), other.id).await.unwrap().deployment, other);
    assert_eq!(store.deployment(&ada(), first).await.unwrap().deployment.revision, 2);
}
