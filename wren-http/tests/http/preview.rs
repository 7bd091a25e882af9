//! `POST /v1/triggers/preview`.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use wren_core::engine::Engine;
use wren_core::executor::{InspectedTrigger, Inspection};
use wren_core::memory::MemoryStore;
use wren_core::model::{Trigger, TriggerKind};
use wren_core::source::{
    AccountHealth, EventSink, PastEvent, PastEvents, Preview, PreviewOptions, TriggerSource, WatchError, Watched,
};
use wren_core::{Error, ErrorCode, Result};

use crate::support::{FakeExecutor, NOW, World, ada, at, bob, request_as};

const PATH: &str = "/v1/triggers/preview";
const SCRIPT: &str = "import wren\n\n@wren.on_email(subject=\"invoice\", retries=2)\ndef paid(email):\n    pass\n\n\n\
                      @wren.on_schedule(\"0 9 * * *\")\ndef daily():\n    pass\n\n\n\
                      @wren.on_email(mailbox=\"Absent\")\ndef gone(email):\n    pass\n";

/// Says through the first that it is asked, and waits for the second.
type Held = (Arc<Semaphore>, Arc<Notify>);

/// A source with two mails in each mailbox but `Absent`.
#[derive(Debug, Clone, Default)]
struct Mails {
    asked: Arc<Mutex<Vec<PreviewOptions>>>,
    held: Arc<Mutex<Option<Held>>>,
}

#[async_trait]
impl TriggerSource for Mails {
    fn kind(&self) -> TriggerKind {
        TriggerKind::Email
    }

    fn validate(&self, _: &Map<String, Value>) -> Vec<Error> {
        Vec::new()
    }

    async fn watched(&self, _: &Trigger) -> Result<Option<Watched>> {
        Ok(None)
    }

    fn health(&self) -> Vec<AccountHealth> {
        Vec::new()
    }

    async fn preview(&self, options: PreviewOptions) -> Option<Vec<Preview>> {
        let held = self.held.lock().clone();
        if let Some((begun, go_on)) = held {
            begun.add_permits(1);
            go_on.notified().await;
        }
        let preview = |config: &Map<String, Value>| {
            let place = config.get("mailbox").and_then(Value::as_str).unwrap_or("INBOX").to_owned();
            let missing = Error::new(ErrorCode::NotFound, "the mailbox `Absent` cannot be opened").with_hint("make it");
            let outcome = match place.as_str() {
                "Absent" => Err(WatchError::new(&missing, at(NOW))),
                _ => Ok(PastEvents {
                    events: vec![mail("invoice 7", &[]), mail("hello", &["subject"])],
                    is_complete: true,
                }),
            };
            Preview { account: "imap".to_owned(), place, outcome }
        };
        let previews = options.configs.iter().map(preview).collect();
        self.asked.lock().push(options);
        Some(previews)
    }

    async fn run(&self, _: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()> {
        shutdown.cancelled().await;
        Ok(())
    }
}

fn mail(subject: &str, failed: &[&str]) -> PastEvent {
    let summary = json!({"subject": subject, "from": "bob@example.com"}).as_object().unwrap().clone();
    let failed: Vec<String> = failed.iter().map(|rule| (*rule).to_owned()).collect();
    PastEvent { at: at("2024-12-08T09:00:00Z"), summary: Arc::new(summary), matches: failed.is_empty(), failed }
}

/// A world with such a source, whose executor sees what `SCRIPT` registers.
async fn with_mails() -> (World, Mails) {
    let mut world = World::new().await;
    let mails = Mails::default();
    world.engine = Engine::builder()
        .store(MemoryStore::new())
        .shared_executor(Arc::<FakeExecutor>::clone(&world.executor))
        .clock(world.clock.clone())
        .source(mails.clone())
        .build()
        .unwrap();
    world.router = wren_http::router(wren_http::Api::new(world.engine.clone()));
    world.key = world.key_of(&ada(), &["deploy"]).await;
    let trigger = |kind: &str, func: &str, line: u32, config: Value| -> InspectedTrigger {
        let needs = u8::from(kind == "email");
        let signature = json!({"required": needs, "max": needs});
        serde_json::from_value(
            json!({"type": kind, "func": func, "line": line, "config": config, "signature": signature}),
        )
        .unwrap()
    };
    let triggers = vec![
        trigger("email", "paid", 3, json!({"subject": "invoice", "retries": 2})),
        trigger("schedule", "daily", 8, json!({"cron": "0 9 * * *"})),
        trigger("email", "gone", 13, json!({"mailbox": "Absent"})),
    ];
    *world.executor.inspection.lock() = Inspection { triggers, ..Inspection::default() };
    (world, mails)
}

#[tokio::test]
async fn every_trigger_says_what_it_would_have_done() {
    let (world, mails) = with_mails().await;
    let body = world.post(PATH, &json!({"script": SCRIPT})).await.json(200);
    let summary = |subject: &str| json!({"subject": subject, "from": "bob@example.com"});
    let at = "2024-12-08T09:00:00Z";
    let expected = json!({"triggers": [
        {
            "type": "email", "func": "paid", "config": {"subject": "invoice", "retries": 2}, "previewed": true,
            "account": "imap", "place": "INBOX", "matched": 1, "complete": true,
            "events": [
                {"at": at, "matches": true, "summary": summary("invoice 7")},
                {"at": at, "matches": false, "failed": ["subject"], "summary": summary("hello")},
            ],
            "error": null,
        },
        {
            "type": "schedule", "func": "daily", "config": {"cron": "0 9 * * *"}, "previewed": false,
            "account": null, "place": null, "matched": null, "complete": null, "events": [], "error": null,
        },
        {
            "type": "email", "func": "gone", "config": {"mailbox": "Absent"}, "previewed": true,
            "account": "imap", "place": "Absent", "matched": null, "complete": null, "events": [],
            "error": {
                "type": "AgentFixableError", "code": "NOT_FOUND", "message": "the mailbox `Absent` cannot be opened",
                "hint": "make it",
            },
        },
    ]});
    assert_eq!(body, expected);
    let asked = mails.asked.lock().clone();
    assert_eq!((asked.len(), &asked[0].owner, asked[0].last), (1, &ada(), 50), "one question for all");
    assert_eq!(Value::Object(asked[0].configs[0].clone()), json!({"subject": "invoice"}), "without the runs' policy");
    assert_eq!(world.engine.deployments(&ada(), Default::default()).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn a_key_that_may_only_read_learns_nothing_of_mails() {
    let (world, mails) = with_mails().await;
    for scopes in [&["read"][..], &["run"], &["read", "run"]] {
        let key = world.key_of(&ada(), scopes).await;
        let request = request_as(&key, "POST", PATH).header("content-type", "application/json");
        let answer = world.send(request.body(json!({"script": SCRIPT}).to_string().into()).unwrap()).await;
        assert_eq!(answer.error(403, ErrorCode::PermissionDenied)["details"]["required_scope"], "deploy");
    }
    assert!(mails.asked.lock().is_empty());
    let key = world.key_of(&bob(), &["admin"]).await;
    let request = request_as(&key, "POST", PATH).header("content-type", "application/json");
    world.send(request.body(json!({"script": SCRIPT}).to_string().into()).unwrap()).await.json(200);
    assert_eq!(mails.asked.lock()[0].owner, bob(), "it is the key's owner who is looked at");
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_before_anything_is_asked() {
    let (world, mails) = with_mails().await;
    for (body, what) in [
        (json!({"script": SCRIPT, "lst": 5}), "unknown field `lst`"),
        (json!({"last": 5}), "missing field `script`"),
        (json!({"script": SCRIPT, "last": "all"}), "invalid type: string"),
        (json!({"script": SCRIPT, "last": -1}), "invalid value"),
        (json!({"script": SCRIPT, "last": 0}), "`last` is 0, and from 1 to 500"),
        (json!({"script": SCRIPT, "last": 501}), "`last` is 501, and from 1 to 500"),
    ] {
        let error = world.post(PATH, &body).await.error(400, ErrorCode::InvalidRequest);
        assert!(error["message"].as_str().unwrap().contains(what), "{error}");
    }
    assert!(mails.asked.lock().is_empty());
    world.post(PATH, &json!({"script": SCRIPT, "last": 500})).await.json(200);
    assert_eq!(mails.asked.lock()[0].last, 500);
    let large = json!({"script": "#".repeat(7 * 1024 * 1024)});
    world.post(PATH, &large).await.error(413, ErrorCode::ScriptTooLarge);
}

#[tokio::test]
async fn a_broken_script_is_told_all_that_is_wrong_and_no_mailbox_is_opened() {
    let (world, mails) = with_mails().await;
    let script = "import wren\n\n@wren.on_email(retries=-1)\ndef one(email): ...\n\n@wren.on_schedule(\"0 9 * *\")\ndef two(): ...\n";
    *world.executor.inspection.lock() = Inspection::default();
    let error = world.post(PATH, &json!({"script": script})).await;
    let error: Value = serde_json::from_str(&error.text).unwrap();
    let found = error["error"]["details"]["diagnostics"].as_array().unwrap().clone();
    let codes: Vec<&str> = found.iter().map(|found| found["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"INVALID_CRON") && codes.contains(&"INVALID_METADATA"), "{codes:?}");
    assert!(mails.asked.lock().is_empty());
}

#[tokio::test]
async fn more_previews_at_once_than_there_is_room_for_are_told_to_come_back() {
    let (world, mails) = with_mails().await;
    let (begun, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    *mails.held.lock() = Some((Arc::clone(&begun), Arc::clone(&go_on)));
    let body = json!({"script": SCRIPT});
    let (first, second) = (world.post(PATH, &body), world.post(PATH, &body));
    tokio::pin!(first, second);
    tokio::select! {
        _ = &mut first => unreachable!("the source waits"),
        _ = &mut second => unreachable!("the source waits"),
        _ = begun.acquire_many(2) => {}
    }
    let answer = world.post(PATH, &body).await;
    assert_eq!(answer.error(429, ErrorCode::RateLimited)["message"], "too many of your previews are under way");
    assert_eq!(answer.header("retry-after"), Some("5"));
    *mails.held.lock() = None;
    go_on.notify_waiters();
    let (first, second) = futures::future::join(first, second).await;
    first.json(200);
    second.json(200);
    world.post(PATH, &body).await.json(200);
}
