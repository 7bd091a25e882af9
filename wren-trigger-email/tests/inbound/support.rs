//! A world to test in: an engine on a store and a vault in memory, a clock moved by hand, and a sender of mail.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Once};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;
use wren_conformance::fixtures::{ada, on_email, revision};
use wren_core::clock::ManualClock;
use wren_core::engine::Engine;
use wren_core::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, Script};
use wren_core::host::RunHost;
use wren_core::memory::{MemoryStore, MemoryVault};
use wren_core::model::{Isolation, PageOptions, Run};
use wren_core::source::{Delivered, InboundDelivery, InboundMail};
use wren_core::store::{Deployed, ListRuns};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result};
use wren_trigger_email::InboundEmail;

pub(crate) const MAIL: &str =
    "Message-ID: <1@host>\r\nFrom: Carol <carol@example.com>\r\nSubject: invoice 7\r\n\r\ncanary\r\n";
pub(crate) const RAW: &str = "message/rfc822";

/// Runs nothing: these tests end where a run is queued.
#[derive(Debug)]
struct NoExecutor;

#[async_trait]
impl Executor for NoExecutor {
    fn name(&self) -> &str {
        "none"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "none".to_owned(), tier: "none".to_owned() }
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn inspect(&self, _: &Script, _: &Limits) -> Result<Inspection> {
        Err(Error::new(ErrorCode::ExecutorUnavailable, "none"))
    }

    async fn run(&self, _: Invocation, _: RunHost, _: Arc<dyn LogSink>, _: CancellationToken) -> Result<Outcome> {
        Err(Error::new(ErrorCode::ExecutorUnavailable, "none"))
    }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) inbound: InboundEmail,
    pub(crate) clock: ManualClock,
}

/// An address, and what its provider signs with.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) address: String,
    pub(crate) secret: SecretString,
}

impl World {
    pub(crate) fn new() -> Self {
        collect();
        let clock = ManualClock::new("2024-12-08T10:30:00Z".parse().unwrap());
        let builder = Engine::builder().store(MemoryStore::new()).vault(MemoryVault::new());
        let engine = builder.executor(NoExecutor).clock(clock.clone()).build().unwrap();
        let inbound = InboundEmail::new(&engine);
        Self { engine, inbound, clock }
    }

    /// Deploys a script of that name whose functions take mails about invoices.
    pub(crate) async fn deploy(&self, name: &str, funcs: &[&str]) -> Deployed {
        let triggers = funcs.iter().map(|func| on_email(func)).collect();
        self.engine.store().put_revision(&ada(), revision(name, triggers)).await.unwrap()
    }

    pub(crate) async fn open(&self, deployment: DeploymentId) -> Sender {
        let opened = self.inbound.open(&ada(), deployment).await.unwrap();
        Sender { address: opened.address, secret: opened.secret }
    }

    /// Deploys, and opens an address.
    pub(crate) async fn sender(&self, name: &str) -> (Deployed, Sender) {
        let deployed = self.deploy(name, &["mail"]).await;
        let sender = self.open(deployed.deployment.id).await;
        (deployed, sender)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        wren_core::clock::Clock::now(&self.clock)
    }

    /// Makes a delivery of a mail that is signed as it should be, now.
    pub(crate) fn delivery(&self, sender: &Sender, id: &str, mail: &str) -> InboundDelivery {
        sender.delivery(id, Bytes::copy_from_slice(mail.as_bytes()), self.now())
    }

    pub(crate) async fn deliver(&self, sender: &Sender, id: &str, mail: &str) -> Result<Delivered> {
        self.inbound.deliver(self.delivery(sender, id, mail)).await
    }

    pub(crate) async fn runs(&self) -> Vec<Run> {
        self.runs_of(&ada()).await
    }

    pub(crate) async fn runs_of(&self, owner: &OwnerId) -> Vec<Run> {
        let list = ListRuns { page: PageOptions::first(1_000), ..ListRuns::default() };
        self.engine.store().runs(owner, list).await.unwrap().items
    }

    /// Has a delivery refused, and returns what the sender sees of it.
    #[track_caller]
    pub(crate) fn refused(&self, answer: Result<Delivered>) -> (ErrorCode, String, Option<String>) {
        let error = answer.expect_err("it was taken");
        (error.code(), error.message().to_owned(), error.hint().map(ToOwned::to_owned))
    }
}

impl Sender {
    pub(crate) fn delivery(&self, id: &str, body: Bytes, at: DateTime<Utc>) -> InboundDelivery {
        InboundDelivery {
            address: self.address.clone(),
            id: id.to_owned(),
            signature: signature(&[&self.secret], id, &body, at),
            content_type: RAW.to_owned(),
            body,
        }
    }
}

/// Signs as the documentation says, with one code for each secret.
pub(crate) fn signature(secrets: &[&SecretString], id: &str, body: &[u8], at: DateTime<Utc>) -> String {
    let mut text = format!("t={}", at.timestamp());
    for secret in secrets {
        let mut mac = Hmac::<sha2_for_hmac::Sha256>::new_from_slice(secret.expose_secret().as_bytes()).unwrap();
        mac.update(format!("{}.{id}.", at.timestamp()).as_bytes());
        mac.update(body);
        let code: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        text += &format!(",v1={code}");
    }
    text
}

pub(crate) fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to collect what is logged, each test's on its own thread.
fn collect() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(|| ThisThread)
            .init();
    });
}

/// Returns the audit trail of this test.
pub(crate) fn audited() -> Vec<String> {
    let log = LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap());
    log.lines().filter(|line| line.contains(" wren::audit: ")).map(ToOwned::to_owned).collect()
}

/// Returns all that this test has logged.
pub(crate) fn logged() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}
