//! Deployments: first deploys, reads, lists, status.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use wren_core::ErrorCode;
use wren_core::model::{DeploymentStatus, PageOptions, ScriptSettings, SkipReason};
use wren_core::schedule::Timezone;
use wren_core::store::{Disposition, ListDeployments, PutRevision, RecordFires, SetStatus, StatusGuard, Store};

use super::StoreUnderTest;
use super::steps::{claimed, deploy, queue, refused};
use crate::fixtures::{
    NOW, ada, at, bob, claim, deployment_id, every_minute, fire, named, on_email, owner, revision, status, with_script,
};

pub async fn a_first_deploy_is_revision_one_and_active(test: StoreUnderTest) {
    let wanted = revision("daily", vec![every_minute("main")]);
    let deployed = test.store.put_revision(&ada(), wanted.clone()).await.unwrap();
    assert!(deployed.changed);
    assert_eq!(deployed.removed, []);
    let deployment = deployed.deployment;
    assert_eq!(deployment.id, wanted.deployment_id);
    assert_eq!(deployment.owner, ada());
    assert_eq!(deployment.name, named("daily"));
    assert_eq!((deployment.revision, deployment.status), (1, DeploymentStatus::Active));
    assert_eq!((deployment.created_at, deployment.updated_at), (NOW, NOW));
    assert_eq!((deployment.status_reason, deployment.action_url), (None, None));
    let trigger = &deployed.triggers[0];
    assert_eq!((trigger.id, &trigger.spec), (wanted.triggers[0].id, &wanted.triggers[0].spec));
    assert_eq!((trigger.revision, trigger.cursor, trigger.created_at), (1, NOW, NOW));
    assert_eq!((&trigger.owner, trigger.deployment_id), (&ada(), deployment.id));
}

pub async fn what_was_deployed_reads_back_as_written(test: StoreUnderTest) {
    let mut wanted = with_script("daily", "print('\u{1F426} שלום')\r\n\t# \u{0}\n", vec![every_minute("main")]);
    wanted.manifest.settings = ScriptSettings {
        timezone: Some(Timezone::parse("Australia/Lord_Howe").unwrap()),
        executor: Some("process".into()),
        timeout_ms: Some(u64::from(u32::MAX)),
        memory_bytes: Some(1 << 40),
        egress: vec!["api.example.com".into()],
        inject_env: BTreeMap::from([("TOKEN".to_owned(), "my-token".to_owned())]),
        dependencies: vec!["requests>=2".into()],
        requires_python: Some(">=3.12".into()),
    };
    wanted.manifest.triggers[0].config.insert("名前".into(), json!({"a": [1, 2.5, null]}));
    wanted.triggers[0].spec = wanted.manifest.triggers[0].clone();
    let PutRevision { script, script_sha256, manifest, .. } = wanted.clone();
    let deployed = test.store.put_revision(&ada(), wanted).await.unwrap();
    let read = test.store.revision(&ada(), deployed.deployment.id, 1).await.unwrap();
    assert_eq!((read.script, read.script_sha256, read.manifest), (script, script_sha256, manifest));
    assert_eq!((read.deployment_id, read.number, read.created_at), (deployed.deployment.id, 1, NOW));
    let overview = test.store.deployment(&ada(), deployed.deployment.id).await.unwrap();
    assert_eq!(overview.deployment, deployed.deployment);
    assert_eq!(overview.triggers, deployed.triggers);
    assert_eq!(overview.last_run, None);
    assert_eq!(overview.next_run(), Some(at(60)));
}

pub async fn a_script_of_a_mebibyte_reads_back(test: StoreUnderTest) {
    let script = "é".repeat(512 * 1024);
    let deployed = test.store.put_revision(&ada(), with_script("large", &script, vec![])).await.unwrap();
    assert!(test.store.revision(&ada(), deployed.deployment.id, 1).await.unwrap().script == script);
}

pub async fn what_is_not_there_is_not_found(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let unknown = deployment_id();
    assert_eq!(refused(store.deployment(&ada(), unknown).await), ErrorCode::NotFound);
    assert_eq!(refused(store.revision(&ada(), unknown, 1).await), ErrorCode::NotFound);
    for number in [0, 2, u32::MAX] {
        assert_eq!(refused(store.revision(&ada(), id, number).await), ErrorCode::NotFound, "revision {number}");
    }
    let change = status(DeploymentStatus::Paused);
    assert_eq!(refused(store.set_status(&ada(), unknown, change).await), ErrorCode::NotFound);
}

pub async fn triggers_come_in_the_order_of_the_manifest_and_oldest_first(test: StoreUnderTest) {
    let store = &*test.store;
    let deployed = deploy(store, &ada(), "daily", vec![every_minute("b"), on_email("a")]).await;
    let functions: Vec<&str> = deployed.triggers.iter().map(|trigger| trigger.spec.func.as_str()).collect();
    assert_eq!(functions, ["b", "a"]);
    let later = with_script("daily", "# 2", vec![on_email("c"), on_email("a"), every_minute("b")]);
    let later = store.put_revision(&ada(), PutRevision { now: at(1), ..later }).await.unwrap();
    let functions: Vec<&str> = later.triggers.iter().map(|trigger| trigger.spec.func.as_str()).collect();
    assert_eq!(functions, ["c", "a", "b"]);
    let overview = store.deployment(&ada(), deployed.deployment.id).await.unwrap();
    let functions: Vec<&str> = overview.triggers.iter().map(|trigger| trigger.spec.func.as_str()).collect();
    assert_eq!(functions, ["b", "a", "c"]);
}

pub async fn setting_the_same_status_changes_nothing(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let first = SetStatus { reason: Some("lunch".into()), ..status(DeploymentStatus::Paused) };
    let paused = store.set_status(&ada(), id, first).await.unwrap();
    let second =
        SetStatus { reason: Some("dinner".into()), now: at(5), ..status(DeploymentStatus::Paused) };
    assert_eq!(store.set_status(&ada(), id, second).await.unwrap(), paused);
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), paused);
}

pub async fn a_pause_until_a_time_ends_for_what_is_due_then(test: StoreUnderTest) {
    let store = &*test.store;
    let deployed = deploy(store, &ada(), "daily", vec![every_minute("main")]).await;
    let (id, trigger) = (deployed.deployment.id, &deployed.triggers[0]);
    let until = |second| SetStatus { paused_until: Some(at(second)), ..status(DeploymentStatus::Paused) };
    store.set_status(&ada(), id, until(60)).await.unwrap();
    // Another end is another pause; without its status an end means nothing.
    let paused = store.set_status(&ada(), id, until(120)).await.unwrap();
    assert_eq!(paused.deployment.paused_until, Some(at(120)));
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), paused);
    assert!(store.ended_pauses(at(119), 10).await.unwrap().is_empty());
    assert_eq!(store.ended_pauses(at(120), 10).await.unwrap(), std::slice::from_ref(&paused.deployment));
    assert!(store.ended_pauses(at(120), 0).await.unwrap().is_empty());

    let fires = [fire(trigger, at(60)), fire(trigger, at(120))].to_vec();
    let recorded = store.record_fires(RecordFires::new(fires, at(130))).await.unwrap();
    let dispositions: Vec<Disposition> = recorded.into_iter().map(|fired| fired.disposition).collect();
    assert_eq!(dispositions, [Disposition::Skipped(SkipReason::Paused), Disposition::Queued]);

    let guard = StatusGuard::of(&paused.deployment);
    let longer = store.set_status(&ada(), id, until(600)).await.unwrap();
    let late = guarded(DeploymentStatus::Active, guard);
    assert_eq!(store.set_status(&ada(), id, late).await.unwrap(), longer, "the pause was made longer meanwhile");
    let guard = StatusGuard::of(&longer.deployment);
    let active = store.set_status(&ada(), id, guarded(DeploymentStatus::Active, guard)).await.unwrap();
    assert_eq!((active.deployment.status, active.deployment.paused_until), (DeploymentStatus::Active, None));
    assert!(store.ended_pauses(at(9_999), 10).await.unwrap().is_empty());
}

/// Returns a change at second nine that expects something.
fn guarded(wanted: DeploymentStatus, guard: StatusGuard) -> SetStatus {
    SetStatus { only_if: Some(guard), now: at(9), ..status(wanted) }
}

pub async fn a_status_keeps_its_reason_link_and_time_until_the_next(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.deployment.id;
    let change = SetStatus {
        reason: Some("Gmail wants you \u{1F44B}".into()),
        action_url: Some("https://wrens.ie/integrations/gmail/setup".into()),
        now: at(7),
        ..status(DeploymentStatus::NeedsAttention)
    };
    let answer = store.set_status(&ada(), id, change.clone()).await.unwrap();
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), answer);
    assert_eq!(answer.deployment.status, DeploymentStatus::NeedsAttention);
    assert_eq!((&answer.deployment.status_reason, &answer.deployment.action_url), (&change.reason, &change.action_url));
    assert_eq!((answer.deployment.created_at, answer.deployment.updated_at), (NOW, at(7)));
    assert_eq!(answer.next_run(), None);
    let active = store.set_status(&ada(), id, status(DeploymentStatus::Active)).await.unwrap();
    assert_eq!((active.deployment.status_reason, active.deployment.action_url), (None, None));
    assert_eq!(active.triggers.len(), 1);
}

pub async fn a_guarded_status_is_set_only_while_the_guard_holds(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.deployment.id;
    let deploy = PutRevision { now: at(1), ..with_script("daily", "# two", vec![every_minute("main")]) };
    store.put_revision(&ada(), deploy).await.unwrap();
    let before = store.deployment(&ada(), id).await.unwrap();
    for wanted in [DeploymentStatus::NeedsAttention, DeploymentStatus::Paused, DeploymentStatus::Undeployed] {
        for (status, revision) in
            [(DeploymentStatus::Active, 1), (DeploymentStatus::Active, 3), (DeploymentStatus::Paused, 2)]
        {
            let change = guarded(wanted, StatusGuard { status, revision, paused_until: None });
            assert_eq!(store.set_status(&ada(), id, change).await.unwrap(), before);
        }
    }
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), before);
    assert_eq!(store.scan_triggers(None, 10).await.unwrap(), before.triggers);
    let right = StatusGuard { status: DeploymentStatus::Active, revision: 2, paused_until: None };
    let needy = store.set_status(&ada(), id, guarded(DeploymentStatus::NeedsAttention, right)).await.unwrap();
    assert_eq!((needy.deployment.status, needy.deployment.updated_at), (DeploymentStatus::NeedsAttention, at(9)));
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), needy);
    // Late, the same verdict of another run finds it parked already.
    let late = SetStatus { reason: Some("late".into()), ..guarded(DeploymentStatus::NeedsAttention, right) };
    assert_eq!(store.set_status(&ada(), id, late).await.unwrap(), needy);
}

pub async fn a_guard_that_does_not_hold_is_no_error_even_after_the_end(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let gone = store.set_status(&ada(), id, status(DeploymentStatus::Undeployed)).await.unwrap();
    let change = |status| guarded(DeploymentStatus::NeedsAttention, StatusGuard { status, revision: 1, paused_until: None });
    assert_eq!(store.set_status(&ada(), id, change(DeploymentStatus::Active)).await.unwrap(), gone);
    let holds = store.set_status(&ada(), id, change(DeploymentStatus::Undeployed)).await;
    assert_eq!(refused(holds), ErrorCode::Conflict);
    for (owner, id) in [(ada(), deployment_id()), (bob(), id)] {
        let answer = store.set_status(&owner, id, change(DeploymentStatus::Active)).await;
        assert_eq!(refused(answer), ErrorCode::NotFound);
    }
    assert_eq!(store.deployment(&ada(), id).await.unwrap(), gone);
}

pub async fn a_guarded_status_that_races_a_deploy_never_lands_on_the_later_revision(test: StoreUnderTest) {
    for round in 0..20 {
        let name = format!("daily{round}");
        let id = deploy(&*test.store, &ada(), &name, vec![]).await.deployment.id;
        let (first, second) = (Arc::clone(&test.store), Arc::clone(&test.store));
        let guard = StatusGuard { status: DeploymentStatus::Active, revision: 1, paused_until: None };
        let park = async move {
            first.set_status(&ada(), id, guarded(DeploymentStatus::NeedsAttention, guard)).await.unwrap()
        };
        let redeploy = async move { second.put_revision(&ada(), with_script(&name, "# two", vec![])).await.unwrap() };
        let (parked, deployed) = (tokio::spawn(park), tokio::spawn(redeploy));
        let (parked, deployed) = (parked.await.unwrap().deployment, deployed.await.unwrap().deployment);
        let seen = (parked.status, parked.revision);
        assert!([(DeploymentStatus::NeedsAttention, 1), (DeploymentStatus::Active, 2)].contains(&seen), "{seen:?}");
        // Whichever came first, a deploy ends `needs_attention` and a later revision is not parked.
        let now = test.store.deployment(&ada(), id).await.unwrap().deployment;
        assert_eq!((now.status, now.revision), (DeploymentStatus::Active, 2));
        assert_eq!(now, deployed);
    }
}

pub async fn an_overview_says_when_the_latest_run_started(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = deploy(store, &ada(), "daily", vec![every_minute("main")]).await.triggers.remove(0);
    let last_run = async || store.deployment(&ada(), trigger.deployment_id).await.unwrap().last_run;
    queue(store, &trigger, at(60)).await;
    assert_eq!(last_run().await, None, "a queued run has not started");
    store.claim(claim(at(61))).await.unwrap();
    assert_eq!(last_run().await, Some(at(61)));
    let id = queue(store, &trigger, at(-60)).await;
    claimed(store, id).await;
    assert_eq!(last_run().await, Some(at(61)), "an earlier start does not hide a later one");
    let page = store.deployments(&ada(), ListDeployments::default()).await.unwrap();
    assert_eq!(page.items[0].last_run, Some(at(61)));
}

async fn names(store: &dyn Store, options: ListDeployments) -> Vec<String> {
    let page = store.deployments(&ada(), options).await.unwrap();
    page.items.iter().map(|item| item.deployment.name.to_string()).collect()
}

pub async fn lists_show_the_latest_created_first(test: StoreUnderTest) {
    let store = &*test.store;
    for (name, seconds) in [("second", 2), ("first", 1), ("tie-a", 3), ("tie-b", 3)] {
        let deploy = PutRevision { now: at(seconds), ..revision(name, vec![on_email("main")]) };
        store.put_revision(&ada(), deploy).await.unwrap();
    }
    let redeploy = PutRevision { now: at(9), ..with_script("first", "# again", vec![]) };
    store.put_revision(&ada(), redeploy).await.unwrap();
    deploy(store, &bob(), "not-hers", vec![]).await;
    assert_eq!(names(store, ListDeployments::default()).await, ["tie-b", "tie-a", "second", "first"]);
    let page = store.deployments(&ada(), ListDeployments::default()).await.unwrap();
    assert_eq!(page.next, None);
    assert_eq!(page.items[2], store.deployment(&ada(), page.items[2].deployment.id).await.unwrap());
}

pub async fn lists_filter_by_status_and_name(test: StoreUnderTest) {
    let store = &*test.store;
    for (name, wanted) in [
        ("active", DeploymentStatus::Active),
        ("paused", DeploymentStatus::Paused),
        ("gone", DeploymentStatus::Undeployed),
        ("needy", DeploymentStatus::NeedsAttention),
    ] {
        let id = deploy(store, &ada(), name, vec![]).await.deployment.id;
        store.set_status(&ada(), id, status(wanted)).await.unwrap();
    }
    let with = |status, name: Option<&str>| ListDeployments { status, name: name.map(named), ..Default::default() };
    assert_eq!(names(store, with(None, None)).await, ["needy", "paused", "active"]);
    assert_eq!(names(store, with(Some(DeploymentStatus::Undeployed), None)).await, ["gone"]);
    assert_eq!(names(store, with(Some(DeploymentStatus::Paused), None)).await, ["paused"]);
    assert_eq!(names(store, with(None, Some("active"))).await, ["active"]);
    assert_eq!(names(store, with(None, Some("gone"))).await, Vec::<String>::new());
    assert_eq!(names(store, with(Some(DeploymentStatus::Undeployed), Some("gone"))).await, ["gone"]);
    assert_eq!(names(store, with(None, Some("Active"))).await, Vec::<String>::new(), "names have a case");
}

pub async fn pages_hold_every_deployment_once_while_others_are_made(test: StoreUnderTest) {
    let store = &*test.store;
    for number in 0..10 {
        let made = PutRevision { now: at(number / 3), ..revision(&format!("d{number}"), vec![]) };
        store.put_revision(&ada(), made).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for turn in 0.. {
        // At most three on a page; a limit of zero still moves on.
        let page = PageOptions { after, limit: turn % 4 };
        let page = store.deployments(&ada(), ListDeployments { page, ..Default::default() }).await.unwrap();
        assert!((1..=3).contains(&page.items.len()));
        seen.extend(page.items.into_iter().map(|item| item.deployment.name.to_string()));
        let newer = PutRevision { now: at(100), ..revision(&format!("new{turn}"), vec![]) };
        store.put_revision(&ada(), newer).await.unwrap();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..10).rev().map(|number| format!("d{number}")).collect();
    assert_eq!(seen, expected);
}

pub async fn a_scan_walks_the_triggers_of_all_owners_in_the_order_of_ids(test: StoreUnderTest) {
    let store = &*test.store;
    let mut expected = Vec::new();
    for number in 0..7 {
        let name = format!("owner{}", number % 3);
        let triggers = vec![every_minute("main"), on_email("mail")];
        expected.extend(deploy(store, &owner(&name), &format!("d{number}"), triggers).await.triggers);
    }
    let paused = status(DeploymentStatus::Paused);
    store.set_status(&owner("owner0"), expected[0].deployment_id, paused).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let batch = store.scan_triggers(after, 4).await.unwrap();
        let last = batch.len() < 4;
        after = batch.last().map(|trigger| trigger.id).or(after);
        seen.extend(batch);
        if last {
            break;
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(store.scan_triggers(after, 4).await.unwrap(), []);
}
