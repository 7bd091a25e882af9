//! Deployments that wait for their user, and what happens once the user has acted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use chrono::TimeDelta;
use support::{Act, World, all_done, start_time};
use wren_core::clock::{Clock as _, ManualClock};
use wren_core::memory::{MemoryStore, MemoryVault};
use wren_core::model::{DeploymentStatus, Run, RunState, SkipReason, TriggerKind};
use wren_core::store::Store;
use wren_core::vault::{CredentialVault as _, NewCredential};
use wren_core::{DeploymentId, ErrorCode};

const HOURLY: &str = "import wren\n\n@wren.on_schedule(every=\"1h\", catch_up_window=\"1d\")\ndef job():\n    pass\n";

struct Scene {
    world: World,
    vault: Arc<MemoryVault>,
    id: DeploymentId,
}

impl Scene {
    /// A deployment whose first run fails with a code for want of Gmail.
    async fn parked(script: &str, code: ErrorCode) -> Self {
        let scene = Self::begun(Arc::new(MemoryStore::default()), script).await;
        scene.world.acting.act("job", Act::FailFor(code, "gmail"));
        scene.world.clock.advance(TimeDelta::hours(1));
        scene.world.until("the failure", all_done(1)).await;
        scene.until(DeploymentStatus::NeedsAttention).await;
        scene.world.acting.act("job", Act::Return);
        scene
    }

    async fn begun(store: Arc<dyn Store>, script: &str) -> Self {
        let vault = Arc::new(MemoryVault::default());
        let shared = Arc::clone(&vault);
        let clock = ManualClock::new(start_time());
        let mut world = World::built(store, clock, |_| {}, |builder| builder.shared_vault(shared));
        let id = world.deploy(script).await;
        world.run();
        Self { world, vault, id }
    }

    async fn status(&self) -> DeploymentStatus {
        self.world.engine.deployment(&self.world.owner, self.id).await.unwrap().deployment.status
    }

    async fn until(&self, status: DeploymentStatus) {
        let watch = async {
            while self.status().await != status {
                self.world.engine.run_changed().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), watch).await.unwrap();
    }

    /// The user connects Gmail.
    async fn connect(&self) {
        self.put(NewCredential::new("gmail", "token")).await;
        self.world.engine.credentials_changed();
    }

    async fn put(&self, credential: NewCredential) {
        self.vault.put(&self.world.owner, credential, self.world.clock.now()).await.unwrap();
    }

    /// Due times pass while nobody acts.
    async fn miss(&self, hours: i64) {
        let before = self.world.runs().await.len();
        self.world.clock.advance(TimeDelta::hours(hours));
        let all = before + usize::try_from(hours).unwrap();
        let runs = self.world.until("the skipped ones", all_done(all)).await;
        let late = runs.last().unwrap();
        assert_eq!((late.state, late.skip_reason), (RunState::Skipped, Some(SkipReason::NeedsAttention)));
    }
}

fn succeeded(runs: &[Run]) -> Vec<&Run> {
    runs.iter().filter(|run| run.state == RunState::Success).collect()
}

#[tokio::test]
async fn a_deployment_goes_on_when_its_user_has_connected_what_was_missing() {
    let mut scene = Scene::parked(HOURLY, ErrorCode::IntegrationNotConfigured).await;
    let parked = scene.world.engine.deployment(&scene.world.owner, scene.id).await.unwrap().deployment;
    assert_eq!(parked.action_url.as_deref(), Some("https://wrens.ie/a"));
    scene.miss(1).await;
    scene.connect().await;
    scene.until(DeploymentStatus::Active).await;

    let runs = scene.world.until("the catching up", |runs| all_done(3)(runs) && succeeded(runs).len() == 1).await;
    let made_up = succeeded(&runs)[0];
    assert_eq!(made_up.scheduled_for, start_time() + TimeDelta::hours(2), "the latest of those that were missed");
    assert_eq!((made_up.trigger, runs.len()), (TriggerKind::Schedule, 3));
    let mended = scene.world.engine.deployment(&scene.world.owner, scene.id).await.unwrap().deployment;
    assert_eq!((mended.action_url, mended.status_reason), (None, None));

    scene.world.clock.advance(TimeDelta::hours(1));
    scene.world.until("the next one", |runs| succeeded(runs).len() == 2).await;
    scene.world.stop().await;
}

#[tokio::test]
async fn the_run_that_failed_is_itself_made_up_for_when_it_is_the_latest() {
    let mut scene = Scene::parked(HOURLY, ErrorCode::IntegrationNotConfigured).await;
    scene.connect().await;
    let runs = scene.world.until("the catching up", |runs| succeeded(runs).len() == 1).await;
    assert_eq!(succeeded(&runs)[0].scheduled_for, runs[0].scheduled_for);
    assert_eq!(runs[0].state, RunState::Failed, "what has ended stays as it ended");
    scene.world.stop().await;
}

#[tokio::test]
async fn catch_up_decides_what_is_made_up_for() {
    for (options, hours) in [
        ("catch_up=\"all\", catch_up_window=\"1d\"", &[1, 2, 3][..]),
        ("catch_up=\"all\", catch_up_window=\"90m\"", &[2, 3]),
        ("catch_up=\"latest\", catch_up_window=\"1d\"", &[3]),
        ("catch_up=\"none\"", &[]),
    ] {
        // `overlap` would have the second of two that wait skipped.
        let script = HOURLY.replace("catch_up_window=\"1d\"", &format!("{options}, overlap=\"allow\""));
        let mut scene = Scene::parked(&script, ErrorCode::IntegrationNotConfigured).await;
        scene.miss(2).await;
        scene.connect().await;
        scene.until(DeploymentStatus::Active).await;
        // The next regular run ends after whatever was queued before it, and shows that nothing else was.
        scene.world.clock.advance(TimeDelta::hours(1));
        let wanted = hours.len() + 1;
        let runs = scene.world.until("the next one", |runs| all_done(3 + wanted)(runs)).await;
        let mut due: Vec<i64> =
            succeeded(&runs).iter().map(|run| (run.scheduled_for - start_time()).num_hours()).collect();
        due.sort_unstable();
        assert_eq!(due, [hours, &[4]].concat(), "{options}");
        scene.world.stop().await;
    }
}

#[tokio::test]
async fn the_credential_that_did_not_do_ends_no_wait() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut scene = Scene::begun(store, HOURLY).await;
    scene.put(NewCredential::new("gmail", "revoked").with_scopes(vec!["read".to_owned()])).await;
    for (code, mends) in [
        (ErrorCode::OauthTokenExpired, NewCredential::new("gmail", "fresh").with_scopes(vec!["read".to_owned()])),
        (ErrorCode::OauthScopeMissing, NewCredential::new("gmail", "more").with_scopes(vec!["send".to_owned()])),
    ] {
        scene.world.acting.act("job", Act::FailFor(code, "gmail"));
        scene.world.clock.advance(TimeDelta::hours(1));
        scene.until(DeploymentStatus::NeedsAttention).await;
        scene.world.acting.act("job", Act::Return);
        if code == ErrorCode::OauthScopeMissing {
            // As a refresh puts it: another token that allows no more.
            scene.put(NewCredential::new("gmail", "renewed").with_scopes(vec!["read".to_owned()])).await;
        }
        scene.put(NewCredential::new("slack", "another")).await;
        // Two looks later it still waits.
        for _ in 0..2 {
            scene.world.clock.advance(TimeDelta::seconds(3));
            scene.world.engine.credentials_changed();
            tokio::task::yield_now().await;
        }
        scene.miss(1).await;
        assert_eq!(scene.status().await, DeploymentStatus::NeedsAttention, "{code}");
        scene.put(mends).await;
        scene.world.engine.credentials_changed();
        scene.until(DeploymentStatus::Active).await;
        scene.world.until("the catching up", |runs| runs.iter().all(|run| run.state.is_terminal())).await;
    }
    scene.world.stop().await;
}

#[tokio::test]
async fn a_credential_that_another_process_set_is_found_in_time() {
    let mut scene = Scene::parked(HOURLY, ErrorCode::IntegrationNotConfigured).await;
    scene.put(NewCredential::new("gmail", "token")).await;
    let wanted = |runs: &[Run]| succeeded(runs).len() == 1;
    scene.world.pass_time_until("the catching up", TimeDelta::seconds(1), wanted).await;
    assert_eq!(scene.status().await, DeploymentStatus::Active);
    scene.world.stop().await;
}

#[tokio::test]
async fn a_user_who_resumes_is_caught_up_with_and_one_who_pauses_is_not() {
    let mut scene = Scene::parked(HOURLY, ErrorCode::PermissionDenied).await;
    scene.miss(1).await;
    let (engine, owner) = (scene.world.engine.clone(), scene.world.owner.clone());
    engine.resume(&owner, scene.id).await.unwrap();
    engine.credentials_changed();
    let runs = scene.world.until("the catching up", |runs| succeeded(runs).len() == 1).await;
    assert_eq!(succeeded(&runs)[0].scheduled_for, start_time() + TimeDelta::hours(2));
    scene.world.stop().await;

    let mut scene = Scene::parked(HOURLY, ErrorCode::PermissionDenied).await;
    let (engine, owner) = (scene.world.engine.clone(), scene.world.owner.clone());
    engine.pause(&owner, scene.id, None, None).await.unwrap();
    let job = scene.world.engine.store();
    let space = wren_core::store::Namespace::system("attention");
    let forgotten = async {
        while !job.records(&space, "", None, 10, scene.world.clock.now()).await.unwrap().is_empty() {
            scene.world.engine.credentials_changed();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), forgotten).await.unwrap();
    engine.resume(&owner, scene.id).await.unwrap();
    scene.world.clock.advance(TimeDelta::hours(1));
    let runs = scene.world.until("the next one", |runs| succeeded(runs).len() == 1).await;
    assert_eq!(runs.len(), 2, "nothing but the failure and the next due time: {runs:?}");
    scene.world.stop().await;
}

#[tokio::test]
async fn a_crash_between_two_steps_of_going_on_repeats_nothing() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut scene = Scene::begun(Arc::clone(&store), HOURLY).await;
    scene.world.acting.act("job", Act::FailFor(ErrorCode::IntegrationNotConfigured, "gmail"));
    scene.world.clock.advance(TimeDelta::hours(1));
    scene.until(DeploymentStatus::NeedsAttention).await;
    let space = wren_core::store::Namespace::system("attention");
    let now = scene.world.clock.now();
    let record = store.records(&space, "", None, 10, now).await.unwrap().remove(0);
    scene.world.acting.act("job", Act::Return);
    scene.connect().await;
    scene.world.until("the catching up", |runs| succeeded(runs).len() == 1).await;
    let watch = async {
        while !store.records(&space, "", None, 10, now).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), watch).await.unwrap();

    // As a process left it that died after the runs were recorded and before the record was deleted.
    let options = wren_core::store::PutOptions::at(now);
    store.put_record(&space, &record.key, record.value, options).await.unwrap();
    scene.world.engine.credentials_changed();
    let again = async {
        while !store.records(&space, "", None, 10, now).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), again).await.unwrap();
    assert_eq!(scene.world.runs().await.len(), 2);
    scene.world.stop().await;
}

#[tokio::test]
async fn a_deployment_that_is_about_to_be_marked_is_not_one_that_somebody_resumed() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut scene = Scene::begun(Arc::clone(&store), HOURLY).await;
    scene.connect().await;
    // As a worker leaves it that dies between its two writes.
    let space = wren_core::store::Namespace::system("attention");
    let now = scene.world.clock.now();
    let record = serde_json::json!({
        "owner": "ada", "due": now - TimeDelta::hours(1), "credentials": {"gmail": null}, "at": now, "marked": false,
    });
    let options = wren_core::store::PutOptions::at(now);
    store.put_record(&space, &scene.id.to_string(), record.to_string().into(), options).await.unwrap();
    let forgotten = async {
        while !store.records(&space, "", None, 10, scene.world.clock.now()).await.unwrap().is_empty() {
            scene.world.clock.advance(TimeDelta::seconds(1));
            scene.world.engine.credentials_changed();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), forgotten).await.unwrap();
    assert!(scene.world.clock.now() - now >= TimeDelta::seconds(60), "it waited for the mark");
    assert!(scene.world.runs().await.is_empty(), "nothing was caught up with");
    scene.world.stop().await;
}

#[tokio::test]
async fn runs_that_were_on_their_way_when_the_first_one_failed_are_made_up_for_too() {
    let script = "import wren\n\n@wren.on_schedule(every=\"1h\", catch_up=\"all\", catch_up_window=\"1d\", overlap=\"allow\")\n\
                  def job():\n    pass\n";
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut scene = Scene::begun(store, script).await;
    scene.world.acting.act("job", Act::FailFor(ErrorCode::IntegrationNotConfigured, "gmail"));
    // Three due times at once: whichever fails first parks the deployment while the others run.
    scene.world.clock.advance(TimeDelta::hours(3));
    scene.world.until("the failures", all_done(3)).await;
    scene.until(DeploymentStatus::NeedsAttention).await;
    let failed = scene.world.runs().await.iter().filter(|run| run.state != RunState::Success).count();
    scene.world.acting.act("job", Act::Return);
    scene.connect().await;
    let runs = scene.world.until("the catching up", |runs| succeeded(runs).len() == 3).await;
    assert_eq!((failed, runs.len()), (3, 6), "{runs:?}");
    scene.world.stop().await;
}
