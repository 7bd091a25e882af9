//! A mail server, a vault with its account, and a sink that collects.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wren_conformance::requirement;
use wren_conformance::servers::DovecotServer;
use wren_core::memory::{MemoryStore, MemoryVault};
use wren_core::model::{RunPolicy, Trigger, TriggerKind, TriggerSpec};
use wren_core::source::{AccountHealth, Emission, EventSink, SourceEvent, TriggerSource, WatchState};
use wren_core::store::RecordStore as _;
use wren_core::vault::{CredentialVault, NewCredential};
use wren_core::{DeploymentId, OwnerId, Result, TriggerId};
use wren_trigger_email::{EmailOptions, EmailSource};

pub(crate) const USER: &str = "ada";
pub(crate) const PASSWORD: &str = "pa\"ss\\word 1";
const PATIENCE: Duration = Duration::from_secs(90);

/// What happens when events come, before they are kept.
type Hook = Box<dyn FnOnce() + Send>;

/// Keeps events as the engine does: one for each trigger and key.
#[derive(Default)]
pub(crate) struct Collector {
    pub(crate) triggers: Mutex<Vec<Trigger>>,
    /// Where cursors are written.
    store: Arc<MemoryStore>,
    /// How often the triggers have changed.
    changes: watch::Sender<u64>,
    keys: Mutex<HashSet<(TriggerId, String)>>,
    events: watch::Sender<Vec<SourceEvent>>,
    /// How many were emitted, twice or not.
    pub(crate) emitted: Mutex<usize>,
    pub(crate) hook: Mutex<Option<Hook>>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Collector").finish_non_exhaustive()
    }
}

#[async_trait]
impl EventSink for Collector {
    async fn emit(&self, Emission { events, records }: Emission) -> Result<()> {
        if let Some(hook) = self.hook.lock().take() {
            hook();
        }
        for write in records {
            self.store.put_record(&write.namespace, &write.key, write.value, write.options).await?;
        }
        *self.emitted.lock() += events.len();
        for event in events {
            if self.keys.lock().insert((event.trigger_id, event.dedupe_key.clone())) {
                self.events.send_modify(|kept| kept.push(event));
            }
        }
        Ok(())
    }

    async fn triggers(&self) -> Result<Vec<Trigger>> {
        Ok(self.triggers.lock().clone())
    }

    fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    async fn changed(&self, than: u64) {
        self.changes.subscribe().wait_for(|changes| *changes > than).await.unwrap();
    }
}

impl Collector {
    /// The store that cursors are written to.
    pub(crate) fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.store)
    }

    /// Adds a trigger on a mailbox.
    pub(crate) fn add(&self, mailbox: &str) -> TriggerId {
        let config: Map<String, Value> = json!({ "mailbox": mailbox }).as_object().unwrap().clone();
        let trigger = Trigger {
            id: TriggerId::new(),
            owner: owner(),
            deployment_id: DeploymentId::new(),
            revision: 1,
            spec: TriggerSpec {
                kind: TriggerKind::Email,
                func: "handle".into(),
                config,
                schedule: None,
                policy: RunPolicy::default(),
                max_event_age_ms: None,
            },
            cursor: Utc::now(),
            created_at: Utc::now(),
        };
        let id = trigger.id;
        self.triggers.lock().push(trigger);
        self.changes.send_modify(|changes| *changes += 1);
        id
    }

    /// Waits until there are so many events; returns their subjects.
    pub(crate) async fn until(&self, count: usize) -> Vec<String> {
        let mut events = self.events.subscribe();
        let waited = tokio::time::timeout(PATIENCE, events.wait_for(|events| events.len() >= count)).await;
        assert!(waited.is_ok(), "waited in vain for {count} events; there are {:?}", self.subjects());
        self.subjects()
    }

    pub(crate) fn events(&self) -> Vec<SourceEvent> {
        self.events.borrow().clone()
    }

    pub(crate) fn subjects(&self) -> Vec<String> {
        self.events().iter().map(|event| event.payload["subject"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn emitted(&self) -> usize {
        *self.emitted.lock()
    }
}

/// A source that runs.
pub(crate) struct Running {
    pub(crate) source: EmailSource,
    shutdown: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Ends it as a crash would.
    pub(crate) async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits until the health is as wanted.
    pub(crate) async fn health(&self, what: &str, wanted: impl Fn(&AccountHealth) -> bool) -> AccountHealth {
        health(&self.source, what, wanted).await
    }

    /// Waits until a mailbox has been looked at once more.
    pub(crate) async fn looked(&self) {
        let began = Utc::now();
        self.health("a look", |health| health.last_success.is_some_and(|at| at >= began)).await;
    }

    /// Waits until nothing is left to do but to wait for mail.
    pub(crate) async fn idle(&self) {
        self.health("it to idle", |health| health.state == WatchState::Idle).await;
    }
}

/// Waits until the health of the one mailbox, or of any, is as wanted.
pub(crate) async fn health(source: &EmailSource, what: &str, wanted: impl Fn(&AccountHealth) -> bool) -> AccountHealth {
    let found = source.health_until(|all| all.iter().any(&wanted));
    match tokio::time::timeout(PATIENCE, found).await {
        Ok(all) => all.into_iter().find(|one| wanted(one)).unwrap(),
        Err(_) => panic!("waited in vain for {what}; health: {:#?}", source.health()),
    }
}

/// A mail server with one account, which the vault knows.
pub(crate) struct World {
    pub(crate) server: DovecotServer,
    pub(crate) vault: Arc<MemoryVault>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) sink: Arc<Collector>,
}

pub(crate) fn owner() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

impl World {
    /// Returns none, and says why, where there is no Dovecot.
    pub(crate) async fn start() -> Option<Self> {
        let (server, missing) = match DovecotServer::start() {
            Ok(server) => (Some(server), Ok(())),
            Err(reason) => (None, Err(reason)),
        };
        if !requirement("Dovecot", missing) {
            return None;
        }
        let server = server.unwrap();
        server.set_password(USER, PASSWORD);
        server.maildirs().create(USER, "INBOX");
        let store: Arc<MemoryStore> = Arc::default();
        let sink = Arc::new(Collector { store: Arc::clone(&store), ..Collector::default() });
        let world = Self { server, vault: Arc::default(), store, sink };
        world.set_account(world.plain()).await;
        Some(world)
    }

    /// The account without TLS.
    pub(crate) fn plain(&self) -> NewCredential {
        self.account(self.server.port(), "none")
    }

    pub(crate) fn account(&self, port: u16, tls: &str) -> NewCredential {
        NewCredential::new("imap", PASSWORD)
            .with_field("host", "localhost")
            .with_field("port", port.to_string())
            .with_field("user", USER)
            .with_field("tls", tls)
    }

    /// The same with another password.
    pub(crate) fn plain_with(&self, password: &str) -> NewCredential {
        let mut credential = self.plain();
        credential.secret = password.into();
        credential
    }

    pub(crate) async fn set_account(&self, credential: NewCredential) {
        self.vault.put(&owner(), credential, Utc::now()).await.unwrap();
    }

    pub(crate) fn deliver(&self, subject: &str) {
        self.deliver_to("INBOX", subject);
    }

    pub(crate) fn deliver_to(&self, mailbox: &str, subject: &str) {
        self.server.maildirs().deliver(USER, mailbox, mail(subject));
    }

    /// Makes a source that waits for the server to tell what comes, and does not wait long after failures.
    pub(crate) fn source(&self, change: impl FnOnce(&mut EmailOptions)) -> EmailSource {
        self.source_trusting(change, &self.server.authority())
    }

    pub(crate) fn source_trusting(&self, change: impl FnOnce(&mut EmailOptions), authority: &str) -> EmailSource {
        source(self.vault.clone(), self.store.clone(), change, authority)
    }

    pub(crate) fn run(&self, source: EmailSource) -> Running {
        run(source, Arc::clone(&self.sink))
    }

    /// Runs a source, and waits for its first look.
    pub(crate) async fn watching(&self, change: impl FnOnce(&mut EmailOptions)) -> Running {
        let running = self.run(self.source(change));
        running.idle().await;
        running
    }
}

pub(crate) fn source(
    vault: Arc<MemoryVault>,
    store: Arc<MemoryStore>,
    change: impl FnOnce(&mut EmailOptions),
    authority: &str,
) -> EmailSource {
    let mut options = EmailOptions::default();
    // Only the server's word explains what comes sooner.
    options.poll = Duration::from_secs(60 * 60);
    options.look = Duration::from_millis(20);
    options.lease = Duration::from_millis(600);
    options.first_wait = Duration::from_millis(10);
    options.longest_wait = Duration::from_millis(200);
    options.private_hosts = ["localhost", "127.0.0.1"].map(String::from).into();
    change(&mut options);
    let builder = EmailSource::builder(vault, store).options(options);
    if authority.is_empty() { builder } else { builder.trust(authority) }.build().unwrap()
}

pub(crate) fn run(source: EmailSource, sink: Arc<Collector>) -> Running {
    let (shutdown, runs) = (CancellationToken::new(), source.clone());
    let task = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { runs.run(sink, shutdown).await }
    });
    Running { source, shutdown, task }
}

pub(crate) fn mail(subject: &str) -> String {
    format!(
        "From: bob@example.com\nTo: ada@example.com\nSubject: {subject}\nMessage-ID: <{subject}@example.com>\n\nHello.\n"
    )
}

/// Sorted, since mails of one moment have no order.
pub(crate) fn sorted(mut subjects: Vec<String>) -> Vec<String> {
    subjects.sort();
    subjects
}
