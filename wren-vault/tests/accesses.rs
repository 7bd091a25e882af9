//! The audit entry before the secret, and refreshes of several processes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret as _;
use support::faulty::{Fault, FaultyStore};
use support::{CANARY, access_at, ada, file, silent};
use wren_conformance::fixtures::{NOW, at};
use wren_core::memory::MemoryStore;
use wren_core::store::{Namespace, RecordStore};
use wren_core::vault::{AccessPurpose, CredentialRefresher, CredentialVault, NewCredential, Refreshing};
use wren_core::{CorrelationId, Error, ErrorCode, Result, RunId};
use wren_vault::{AUDIT_RETENTION, SealedVault};

/// A provider whose refresh tokens are good once: a token seen twice is refused.
#[derive(Debug, Default)]
struct Provider {
    asked: AtomicU64,
    given: AtomicU64,
}

#[async_trait]
impl CredentialRefresher for Provider {
    fn serves(&self, integration: &str) -> bool {
        integration == "gmail"
    }

    async fn refresh(&self, credential: &Refreshing, now: DateTime<Utc>) -> Result<NewCredential> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let token: u64 = credential.refresh_token.expose_secret().strip_prefix(CANARY).unwrap().parse().unwrap();
        if self.given.compare_exchange(token, token + 1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Err(Error::new(ErrorCode::OauthTokenExpired, "invalid_grant"));
        }
        let next = NewCredential::new("gmail", format!("{CANARY}-access-{}", token + 1));
        Ok(next.with_refresh_token(format!("{CANARY}{}", token + 1)).with_expiry(now + TimeDelta::hours(1)))
    }
}

struct World {
    store: Arc<MemoryStore>,
    provider: Arc<Provider>,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { store: Arc::default(), provider: Arc::default(), folder: tempfile::tempdir().unwrap() }
    }

    /// Opens the vault as another process does, on a store that may fail.
    async fn process(&self, records: Arc<dyn RecordStore>) -> SealedVault {
        let master = file(self.folder.path()).open(records.clone()).await.unwrap();
        SealedVault::builder(records, master).with_refresher(self.provider.clone()).open().await.unwrap()
    }

    async fn connected(&self) -> SealedVault {
        let vault = self.process(self.store.clone()).await;
        let credential =
            NewCredential::new("gmail", format!("{CANARY}-access-0")).with_refresh_token(format!("{CANARY}0"));
        vault.put(&ada(), credential.with_expiry(at(100)), NOW).await.unwrap();
        vault
    }
}

#[tokio::test]
async fn every_access_is_in_the_audit_trail_in_the_order_of_time() {
    let world = World::new();
    let vault = world.connected().await;
    let (run, request) = (RunId::new(), CorrelationId::generate());
    let purpose = AccessPurpose::new("http.request").for_run(run).with_correlation_id(request.clone());
    vault.access(&ada(), "gmail", purpose, at(10)).await.unwrap();
    vault.access_field(&ada(), "gmail", "refresh_token", AccessPurpose::new("backup"), at(5)).await.unwrap();
    // What is only looked at, or is not there, leaves no entry.
    vault.status(&ada(), "gmail", NOW).await.unwrap();
    vault.access(&ada(), "slack", AccessPurpose::new("x"), NOW).await.unwrap_err();
    let entries = vault.audit().entries(None, 10, NOW).await.unwrap();
    let shown: Vec<_> =
        entries.iter().map(|(_, entry)| (entry.at, entry.field.as_str(), entry.purpose.as_str())).collect();
    assert_eq!(shown, [(at(5), "refresh_token", "backup"), (at(10), "secret", "http.request")]);
    let (_, last) = &entries[1];
    assert_eq!((&last.owner, last.integration.as_str(), last.version), (&ada(), "gmail", 1));
    assert_eq!((last.run_id, last.correlation_id.as_ref()), (Some(run), Some(&request)));
    let rest = vault.audit().entries(Some(&entries[0].0), 10, NOW).await.unwrap();
    assert_eq!(rest, entries[1..]);
    assert!(!format!("{entries:?}").contains(CANARY));

    // Records of the platform, which end after 400 days.
    let space = Namespace::system("audit");
    let records = world.store.records(&space, "", None, 10, NOW).await.unwrap();
    assert_eq!(records[1].expires_at, Some(at(10) + AUDIT_RETENTION));
    assert_eq!(world.store.records(&space, "", None, 10, at(6) + AUDIT_RETENTION).await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_the_audit_entry_there_is_no_secret() {
    let world = World::new();
    world.connected().await;
    for fault in [Fault::Before, Fault::After] {
        let faulty = FaultyStore::new(world.store.clone(), fault, 0).only(Namespace::system("audit"));
        let vault = world.process(Arc::new(faulty)).await;
        let error = access_at(&vault, &ada(), "gmail", NOW).await.unwrap_err();
        assert_eq!(silent(&error), ErrorCode::StoreUnavailable);
        let field = vault.access_field(&ada(), "gmail", "refresh_token", AccessPurpose::new("x"), NOW).await;
        assert_eq!(silent(&field.unwrap_err()), ErrorCode::StoreUnavailable);
        // Nor is a provider shown the refresh token.
        let error = access_at(&vault, &ada(), "gmail", at(200)).await.unwrap_err();
        assert_eq!(silent(&error), ErrorCode::StoreUnavailable);
        assert_eq!(world.provider.asked.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_refresh_is_in_the_audit_trail_before_the_access() {
    let world = World::new();
    let vault = world.connected().await;
    access_at(&vault, &ada(), "gmail", at(200)).await.unwrap();
    let entries = vault.audit().entries(None, 10, NOW).await.unwrap();
    let mut shown: Vec<_> =
        entries.iter().map(|(_, entry)| (entry.field.as_str(), entry.purpose.as_str(), entry.version)).collect();
    shown.sort_unstable();
    assert_eq!(shown, [("refresh_token", "refresh", 1), ("secret", "test", 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_callers_of_two_processes_at_the_expiry_refresh_once() {
    let world = World::new();
    world.connected().await;
    for round in 1..=3 {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let vault = world.process(world.store.clone()).await;
            for _ in 0..4 {
                let vault = vault.clone();
                callers.spawn(async move { access_at(&vault, &ada(), "gmail", at(round * 100_000)).await.unwrap() });
            }
        }
        let expected = format!("{CANARY}-access-{round}");
        assert!(callers.join_all().await.iter().all(|secret| *secret == expected));
        assert_eq!(world.provider.asked.load(Ordering::SeqCst), round as u64);
    }
}

/// The process dies after the provider has answered and before the answer is kept: the refresh token is used up.
#[tokio::test]
async fn a_kill_between_answer_and_keeping_ends_in_one_refusal_and_no_loop() {
    let world = World::new();
    world.connected().await;
    let faulty = FaultyStore::new(world.store.clone(), Fault::Before, 0).only(support::credentials());
    let dying = world.process(Arc::new(faulty)).await;
    let attempt = tokio::time::timeout(Duration::from_millis(400), access_at(&dying, &ada(), "gmail", at(200))).await;
    assert!(attempt.is_err(), "it tries to keep the answer for longer than that: {attempt:?}");
    // The claim of the dead process ends by itself; from then on its token is tried once, and refused once.
    let vault = world.process(world.store.clone()).await;
    for second in 400..405 {
        let error = access_at(&vault, &ada(), "gmail", at(second)).await.unwrap_err();
        assert_eq!(silent(&error), ErrorCode::OauthTokenExpired);
    }
    assert_eq!(world.provider.asked.load(Ordering::SeqCst), 2);
    let status = vault.status(&ada(), "gmail", at(405)).await.unwrap().unwrap();
    assert!(status.is_expired(at(405)) && !status.renewable);
}

#[tokio::test]
async fn an_answer_that_a_stumbling_store_keeps_late_is_not_lost() {
    for fault in [Fault::Before, Fault::After] {
        let world = World::new();
        world.connected().await;
        // The write fails once and is answered from then on: this fault alone has an end.
        let stumbling = Stumbling(
            FaultyStore::new(world.store.clone(), fault, 0).only(support::credentials()),
            world.store.clone(),
        );
        let vault = world.process(Arc::new(stumbling)).await;
        assert_eq!(access_at(&vault, &ada(), "gmail", at(200)).await.unwrap(), format!("{CANARY}-access-1"));
        assert_eq!(world.provider.asked.load(Ordering::SeqCst), 1);
        let again = world.process(world.store.clone()).await;
        assert_eq!(access_at(&again, &ada(), "gmail", at(300)).await.unwrap(), format!("{CANARY}-access-1"));
    }
}

/// A store that fails once.
#[derive(Debug)]
struct Stumbling(FaultyStore, Arc<MemoryStore>);

impl Stumbling {
    fn store(&self) -> &dyn RecordStore {
        if self.0.has_failed() { &*self.1 } else { &self.0 }
    }
}

#[async_trait]
impl RecordStore for Stumbling {
    async fn record(
        &self,
        space: &Namespace,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<wren_core::store::Record>> {
        self.store().record(space, key, now).await
    }

    async fn put_record(
        &self,
        space: &Namespace,
        key: &str,
        value: bytes::Bytes,
        options: wren_core::store::PutOptions,
    ) -> Result<u64> {
        self.store().put_record(space, key, value, options).await
    }

    async fn delete_record(
        &self,
        space: &Namespace,
        key: &str,
        expect: wren_core::store::Expect,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        self.store().delete_record(space, key, expect, now).await
    }

    async fn records(
        &self,
        space: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<wren_core::store::Record>> {
        self.store().records(space, prefix, after, limit, now).await
    }

    async fn record_keys(
        &self,
        space: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<wren_core::store::RecordKey>> {
        self.store().record_keys(space, prefix, after, limit, now).await
    }

    async fn purge_records(&self, now: DateTime<Utc>, limit: usize) -> Result<usize> {
        self.store().purge_records(now, limit).await
    }
}

#[tokio::test]
async fn nothing_public_prints_a_secret() {
    let world = World::new();
    let vault = world.connected().await;
    let options = wren_vault::OpenBaoOptions::new("http://127.0.0.1:1", CANARY);
    let key = wren_vault::Key::from_slice(format!("{CANARY:x<32}").as_bytes()).unwrap();
    let passphrase = wren_vault::Passphrase::new(CANARY).replacing(CANARY);
    let master = file(world.folder.path()).open(world.store.clone()).await.unwrap();
    let builder = SealedVault::builder(world.store.clone(), master.clone());
    let purpose = AccessPurpose::new("x");
    let overview = vault.overview().await.unwrap();
    let unreachable = wren_vault::OpenBaoVault::builder(options.clone(), world.store.clone());
    let mut shown = format!("{vault:?} {:?} {options:?} {key:?} {passphrase:?} {master:?} {builder:?}", vault.audit());
    shown += &format!("{purpose:?} {overview:?} {:?} {unreachable:?}", file(world.folder.path()));
    shown += &format!("{:?}", unreachable.open().await.unwrap_err());
    shown += &format!("{:?}", vault.list(&ada(), NOW).await.unwrap());
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(serde_json::to_string(&overview).unwrap().contains(r#""source":"file""#));
}
