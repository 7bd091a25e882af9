//! What sources watch: how it is doing is known everywhere, and who has to act hears of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use support::{World, all_done, start_time};
use tokio_util::sync::CancellationToken;
use wren_core::clock::{Clock as _, ManualClock};
use wren_core::memory::MemoryStore;
use wren_core::model::{DeploymentStatus, RunState, SkipReason, Trigger, TriggerKind};
use wren_core::source::{
    AccountHealth, EventSink, Preview, PreviewOptions, SourceEvent, TriggerSource, WatchError, WatchState, Watched,
};
use wren_core::store::Store;
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};

const SCRIPT: &str = "import wren\n\n@wren.on_email(subject=\"x\", retries=2)\ndef handle(email):\n    pass\n";

/// Watches one mailbox for everybody, as well as the test says. Clones are one.
#[derive(Debug, Clone)]
struct Post {
    health: Arc<Mutex<AccountHealth>>,
}

impl Post {
    fn new(owner: &OwnerId) -> Self {
        Self { health: Arc::new(Mutex::new(AccountHealth::unknown(owner.clone(), inbox()))) }
    }

    fn goes_well(&self, at: DateTime<Utc>) {
        let mut health = self.health.lock();
        (health.state, health.last_success, health.failures) = (WatchState::Idle, Some(at), 0);
    }

    fn is_refused(&self, at: DateTime<Utc>) {
        let mut health = self.health.lock();
        let error = Error::new(ErrorCode::IntegrationNotConfigured, "the mail server refused the login")
            .with_hint("set the credential again");
        health.state = WatchState::NeedsAttention;
        health.failures += 1;
        health.last_error = Some(WatchError::new(&error, at));
    }
}

fn inbox() -> Watched {
    Watched { account: "imap".into(), place: "INBOX".into() }
}

#[async_trait]
impl TriggerSource for Post {
    fn kind(&self) -> TriggerKind {
        TriggerKind::Email
    }

    fn validate(&self, config: &Map<String, Value>) -> Vec<Error> {
        let unknown = config.keys().filter(|key| *key != "subject");
        unknown.map(|key| Error::new(ErrorCode::InvalidFilter, format!("unknown filter `{key}`"))).collect()
    }

    async fn watched(&self, trigger: &Trigger) -> Result<Option<Watched>> {
        let config = trigger.spec.source_config();
        assert_eq!(config.keys().collect::<Vec<_>>(), ["subject"], "the platform's arguments are not the source's");
        Ok(Some(inbox()))
    }

    fn health(&self) -> Vec<AccountHealth> {
        vec![self.health.lock().clone()]
    }

    async fn preview(&self, _: PreviewOptions) -> Option<Vec<Preview>> {
        None
    }

    async fn run(&self, _: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()> {
        shutdown.cancelled().await;
        Ok(())
    }
}

struct Scene {
    world: World,
    post: Post,
    id: DeploymentId,
}

impl Scene {
    async fn begun() -> Self {
        Self::on(Arc::new(MemoryStore::default()), SCRIPT).await
    }

    async fn on(store: Arc<dyn Store>, script: &str) -> Self {
        let post = Post::new(&World::new(|_| {}).owner);
        let source = post.clone();
        let clock = ManualClock::new(start_time());
        let mut world = World::built(store, clock, |_| {}, |builder| builder.source(source));
        let id = world.deploy(script).await;
        world.run();
        Self { world, post, id }
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.clock.now()
    }

    async fn until(&self, status: DeploymentStatus) {
        self.eventually("the status", async || {
            self.world.engine.deployment(&self.world.owner, self.id).await.unwrap().deployment.status == status
        })
        .await;
    }

    async fn health(&self) -> AccountHealth {
        let overview = self.world.engine.deployment(&self.world.owner, self.id).await.unwrap();
        self.world.engine.watch_health(&overview.triggers[0]).await.unwrap().unwrap()
    }

    async fn until_health(&self, what: &str, wanted: impl Fn(&AccountHealth) -> bool) {
        self.eventually(what, async || wanted(&self.health().await)).await;
    }

    /// Lets the clock go on until it is so.
    async fn eventually(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            while !is_so().await {
                self.world.clock.advance(TimeDelta::milliseconds(100));
                tokio::task::yield_now().await;
            }
        });
        assert!(waited.await.is_ok(), "waited in vain for {what}; there is {:?}", self.health().await);
    }
}

#[tokio::test]
async fn how_a_watch_is_doing_is_known_to_other_engines_and_after_a_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut first = Scene::on(Arc::clone(&store), SCRIPT).await;
    assert_eq!(first.health().await.state, WatchState::Elsewhere, "nobody has said anything yet");
    let well = first.now();
    first.post.goes_well(well);
    first.until_health("the success", |health| health.last_success == Some(well)).await;

    // Another node does not watch, and says nothing of its own.
    let mut second = Scene::on(Arc::clone(&store), SCRIPT).await;
    second.until_health("what the first one knows", |health| health.state == WatchState::Idle).await;
    first.world.stop().await;

    // It takes over, and something goes wrong at once: when it last went well is not forgotten.
    second.post.is_refused(second.now());
    second.until_health("the failure", |health| health.state == WatchState::NeedsAttention).await;
    assert_eq!(second.health().await.last_success, Some(well));
    second.world.stop().await;
}

#[tokio::test]
async fn deployments_whose_mailbox_cannot_be_watched_need_attention_until_it_can() {
    let mut scene = Scene::begun().await;
    scene.post.goes_well(scene.now());
    scene.until_health("the success", |health| health.state == WatchState::Idle).await;
    scene.post.is_refused(scene.now());
    scene.until(DeploymentStatus::NeedsAttention).await;
    let reason = scene.world.engine.deployment(&scene.world.owner, scene.id).await.unwrap().deployment.status_reason;
    assert_eq!(reason.as_deref(), Some("the mail server refused the login; set the credential again"));

    // It is tried again and fails again: that mends nothing.
    scene.post.is_refused(scene.now());
    scene.until_health("the second failure", |health| health.failures == 2).await;
    scene.until(DeploymentStatus::NeedsAttention).await;

    scene.world.clock.advance(TimeDelta::seconds(1));
    scene.post.goes_well(scene.now());
    scene.until(DeploymentStatus::Active).await;
    scene.world.stop().await;
}

#[tokio::test]
async fn who_resumes_a_deployment_anyway_has_the_last_word() {
    let mut scene = Scene::begun().await;
    scene.post.is_refused(scene.now());
    scene.until(DeploymentStatus::NeedsAttention).await;
    scene.world.engine.resume(&scene.world.owner, scene.id).await.unwrap();
    // Two more looks at the mailbox.
    for failures in [2, 3] {
        scene.post.is_refused(scene.now());
        scene.until_health("another failure", |health| health.failures == failures).await;
    }
    let overview = scene.world.engine.deployment(&scene.world.owner, scene.id).await.unwrap();
    assert_eq!(overview.deployment.status, DeploymentStatus::Active);

    // After a success it is another trouble.
    scene.world.clock.advance(TimeDelta::seconds(1));
    scene.post.goes_well(scene.now());
    scene.until_health("the success", |health| health.failures == 0).await;
    scene.post.is_refused(scene.now());
    scene.until(DeploymentStatus::NeedsAttention).await;
    scene.world.stop().await;
}

#[tokio::test]
async fn a_script_without_the_trigger_waits_for_no_mailbox() {
    let mut scene = Scene::begun().await;
    scene.post.is_refused(scene.now());
    scene.until(DeploymentStatus::NeedsAttention).await;
    // A deploy ends it, and the new revision has the old trouble.
    let again = format!("{SCRIPT}\n# another revision\n");
    scene.world.deploy(&again).await;
    scene.until(DeploymentStatus::NeedsAttention).await;
    let script = "import wren\n\n@wren.on_schedule(every=\"1h\")\ndef handle():\n    pass\n";
    scene.world.deploy(script).await;
    scene.until(DeploymentStatus::Active).await;
    scene.world.stop().await;
}

#[tokio::test]
async fn events_that_were_missed_run_as_the_trigger_wants() {
    for (arguments, runs) in [("", true), (", catch_up=\"none\"", false), (", catch_up_window=\"2h\"", true)] {
        let script = format!("import wren\n\n@wren.on_email(subject=\"x\"{arguments})\ndef handle(email):\n    pass\n");
        let mut scene = Scene::on(Arc::new(MemoryStore::default()), &script).await;
        let sink = scene.world.engine.sink(TriggerKind::Email);
        let trigger_id = sink.triggers().await.unwrap()[0].id;
        let event = |key: &str, ago: TimeDelta| SourceEvent {
            trigger_id,
            dedupe_key: key.to_owned(),
            at: scene.now() - ago,
            payload: json!({}),
        };
        let events = vec![
            event("now", TimeDelta::minutes(4)),
            event("late", TimeDelta::hours(1)),
            event("old", TimeDelta::hours(3)),
        ];
        sink.emit(events.into()).await.unwrap();
        let done = scene.world.until("the events", all_done(3)).await;
        let of = |key: &str| done.iter().find(|run| run.key.dedupe_key().contains(key)).unwrap();
        let ran = |key: &str| match of(key).state {
            RunState::Success => true,
            _ => {
                assert_eq!(of(key).skip_reason, Some(SkipReason::Expired), "{arguments}: {key}");
                false
            }
        };
        assert_eq!((ran("now"), ran("late"), ran("old")), (true, runs, arguments.is_empty()), "{arguments}");
        scene.world.stop().await;
    }
}

#[tokio::test]
async fn an_event_of_what_could_not_be_watched_ends_the_wait_and_runs_itself() {
    let mut scene = Scene::begun().await;
    scene.post.is_refused(scene.now());
    scene.until(DeploymentStatus::NeedsAttention).await;
    let sink = scene.world.engine.sink(TriggerKind::Email);
    let trigger_id = sink.triggers().await.unwrap()[0].id;
    let event = SourceEvent { trigger_id, dedupe_key: "a".to_owned(), at: scene.now(), payload: json!({}) };
    sink.emit(vec![event].into()).await.unwrap();
    let runs = scene.world.until("the event", all_done(1)).await;
    assert_eq!((runs.len(), runs[0].state), (1, RunState::Success), "neither skipped nor made up for");
    scene.until(DeploymentStatus::Active).await;
    scene.world.stop().await;
}

#[tokio::test]
async fn events_that_were_skipped_are_made_up_for_however_old_they_are_unless_the_trigger_says_otherwise() {
    for (arguments, made_up) in [("", 2), (", catch_up_window=\"2h\"", 1), (", catch_up=\"none\"", 0)] {
        let script = format!("import wren\n\n@wren.on_email(subject=\"x\"{arguments})\ndef handle(email):\n    pass\n");
        let mut scene = Scene::on(Arc::new(MemoryStore::default()), &script).await;
        scene.post.is_refused(scene.now());
        scene.until(DeploymentStatus::NeedsAttention).await;
        // Handed over by another way, so that they end no wait: one that is new, and one that is older than the trouble.
        let sink = scene.world.engine.sink(TriggerKind::Email);
        let overview = scene.world.engine.deployment(&scene.world.owner, scene.id).await.unwrap();
        let trigger_id = overview.triggers[0].id;
        let event = |key: &str, ago: TimeDelta| SourceEvent {
            trigger_id,
            dedupe_key: key.to_owned(),
            at: scene.now() - ago,
            payload: json!({"key": key}),
        };
        sink.emit(vec![event("new", TimeDelta::minutes(6)), event("old", TimeDelta::hours(3))].into()).await.unwrap();
        let skipped = scene.world.until("the skipped ones", all_done(2)).await;
        assert!(skipped.iter().all(|run| run.skip_reason == Some(SkipReason::NeedsAttention)), "{skipped:?}");
        scene.world.clock.advance(TimeDelta::seconds(1));
        scene.post.goes_well(scene.now());
        scene.until(DeploymentStatus::Active).await;
        let runs = scene.world.until("those that are made up for", all_done(2 + made_up)).await;
        let succeeded = runs.iter().filter(|run| run.state == RunState::Success);
        assert_eq!(succeeded.filter(|run| run.payload.is_some()).count(), made_up, "{arguments}");
        scene.world.stop().await;
    }
}

#[tokio::test]
async fn who_resumed_a_deployment_has_the_last_word_after_a_restart_too() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut first = Scene::on(Arc::clone(&store), SCRIPT).await;
    first.post.is_refused(first.now());
    first.until(DeploymentStatus::NeedsAttention).await;
    first.world.engine.resume(&first.world.owner, first.id).await.unwrap();
    first.world.stop().await;

    let mut second = Scene::on(store, SCRIPT).await;
    for failures in [1, 2] {
        second.post.is_refused(second.now());
        second.until_health("another failure", |health| health.failures == failures).await;
    }
    let overview = second.world.engine.deployment(&second.world.owner, second.id).await.unwrap();
    assert_eq!(overview.deployment.status, DeploymentStatus::Active);
    second.world.stop().await;
}
