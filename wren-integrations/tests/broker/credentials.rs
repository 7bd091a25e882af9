//! What becomes of a credential that the provider refuses, and of secrets that scripts ask for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use wren_core::clock::ManualClock;
use wren_core::memory::MemoryVault;
use wren_core::vault::{CredentialRefresher, CredentialVault as _, NewCredential, Refreshing};
use wren_core::{Error, ErrorCode, Result};

use crate::support::{CANARY, Seen, Server, Setup, ada, answer, is, ok};

/// Gives `fresh-1`, `fresh-2`, …
#[derive(Debug, Default)]
struct Refresher {
    asked: AtomicUsize,
    refuses: bool,
}

#[async_trait]
impl CredentialRefresher for Refresher {
    fn serves(&self, integration: &str) -> bool {
        integration == "crm"
    }

    async fn refresh(&self, credential: &Refreshing, _now: DateTime<Utc>) -> Result<NewCredential> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        match self.refuses {
            true => Err(Error::new(ErrorCode::OauthTokenExpired, "invalid_grant")),
            false => Ok(NewCredential::new(&credential.integration, format!("fresh-{number}"))),
        }
    }
}

async fn renewable(server: &Server, refresher: &Arc<Refresher>) -> Setup {
    let mut setup = Setup::new(&[server]);
    setup.vault = MemoryVault::new().with_refresher(Arc::<Refresher>::clone(refresher));
    let credential = NewCredential::new("crm", CANARY).with_refresh_token("refresh-token");
    setup.vault.put(&ada(), credential, Utc::now()).await.unwrap();
    setup
}

fn token(seen: &Seen) -> &str {
    seen.header("authorization").unwrap().strip_prefix("Bearer ").unwrap()
}

#[tokio::test]
async fn a_refused_credential_is_refreshed_once() {
    let server = Server::start(|seen| match token(seen) {
        "fresh-1" => answer(200, &[], format!("{} then {}", CANARY, "fresh-1")),
        _ => answer(401, &[], ""),
    })
    .await;
    let refresher = Arc::new(Refresher::default());
    let script = renewable(&server, &refresher).await.script();
    let got = script.crm("/", json!({"method": "POST", "body": crate::support::body("again")})).await.unwrap();
    assert_eq!((got.status(), got.text().as_str()), (200, "[redacted crm] then [redacted crm]"));
    assert_eq!(refresher.asked.load(Ordering::SeqCst), 1);
    let seen = server.seen();
    assert_eq!(seen.iter().map(token).collect::<Vec<_>>(), [CANARY, "fresh-1"]);
    assert_eq!(seen[1].body, "again");

    script.crm("/", json!({})).await.unwrap();
    assert_eq!((server.seen().len(), refresher.asked.load(Ordering::SeqCst)), (3, 1), "the fresh one is kept");
}

#[tokio::test]
async fn a_provider_that_refuses_every_credential_is_asked_twice() {
    let server = Server::start(|_| answer(401, &[], CANARY)).await;
    let refresher = Arc::new(Refresher::default());
    let script = renewable(&server, &refresher).await.script();
    let error = is(script.crm("/", json!({})).await, ErrorCode::OauthTokenExpired);
    assert_eq!(error.action_url(), Some("https://wrens.ie/integrations/crm/setup"));
    assert_eq!((server.seen().len(), refresher.asked.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_script_cannot_have_a_credential_renewed_at_will() {
    let server = Server::start(|_| answer(401, &[], "")).await;
    let refresher = Arc::new(Refresher::default());
    let clock = ManualClock::new(Utc::now());
    let script =
        renewable(&server, &refresher).await.script_with(|builder| builder.with_clock(Arc::new(clock.clone())));
    for (seconds, asked) in [(0, 1), (0, 1), (59, 1), (1, 2), (30, 2), (30, 3)] {
        clock.advance(TimeDelta::seconds(seconds));
        is(script.crm("/", json!({})).await, ErrorCode::OauthTokenExpired);
        assert_eq!(refresher.asked.load(Ordering::SeqCst), asked, "after {seconds} s more");
    }
    // One request where the credential was fresh, two where it was renewed.
    assert_eq!(server.seen().len(), 6 + 3);
}

#[tokio::test]
async fn a_call_has_one_deadline_however_often_it_is_sent() {
    /// Takes longer than the call may.
    #[derive(Debug)]
    struct Slow;

    #[async_trait]
    impl CredentialRefresher for Slow {
        fn serves(&self, _integration: &str) -> bool {
            true
        }

        async fn refresh(&self, credential: &Refreshing, _now: DateTime<Utc>) -> Result<NewCredential> {
            tokio::time::pause();
            tokio::time::advance(std::time::Duration::from_secs(31)).await;
            tokio::time::resume();
            Ok(NewCredential::new(&credential.integration, "fresh"))
        }
    }

    let server = Server::start(|seen| answer(if token(seen) == "fresh" { 200 } else { 401 }, &[], "")).await;
    let mut setup = Setup::new(&[&server]);
    setup.vault = MemoryVault::new().with_refresher(Arc::new(Slow));
    let credential = NewCredential::new("crm", CANARY).with_refresh_token("refresh-token");
    setup.vault.put(&ada(), credential, Utc::now()).await.unwrap();
    let script = setup.script();
    let error = is(script.crm("/", json!({"timeout_ms": 30_000})).await, ErrorCode::InvalidRequest);
    assert_eq!(error.details()["reason"], "timeout");
    // What was renewed is kept all the same.
    assert_eq!(script.crm("/", json!({})).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_cannot_be_renewed_is_not_tried_again() {
    let server = Server::start(|_| answer(401, &[], "")).await;
    let refuses = Arc::new(Refresher { refuses: true, ..Refresher::default() });
    for setup in [renewable(&server, &refuses).await, Setup::new(&[&server]).with_secret("crm", CANARY).await] {
        let before = server.seen().len();
        is(setup.script().crm("/", json!({})).await, ErrorCode::OauthTokenExpired);
        assert_eq!(server.seen().len(), before + 1);
    }
}

#[tokio::test]
async fn a_missing_scope_is_told_where_the_provider_tells_it() {
    let server = Server::start(|seen| match seen.uri.path() {
        "/scope" => {
            answer(403, &[("www-authenticate", "Bearer error=\"insufficient_scope\", scope=\"crm.write\"")], "")
        }
        "/echo" => {
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", token(seen));
            answer(403, &[("www-authenticate", &challenge)], "")
        }
        _ => answer(403, &[], "not yours"),
    })
    .await;
    let script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    let error = is(script.crm("/scope", json!({})).await, ErrorCode::OauthScopeMissing);
    assert_eq!(error.details()["scope"], "crm.write");
    assert!(error.action_url().is_some());
    let error = is(script.crm("/echo", json!({})).await, ErrorCode::OauthScopeMissing);
    assert_eq!(error.details()["scope"], "[redacted crm]");
    let got = script.crm("/", json!({})).await.unwrap();
    assert_eq!((got.status(), got.text().as_str()), (403, "not yours"));
}

#[tokio::test]
async fn a_refusal_with_status_200_is_one() {
    let server = Server::start(|_| answer(200, &[], r#"{"ok": false, "error": "token_revoked"}"#)).await;
    let script = Setup::new(&[&server]).at("slack", &server).with_secret("slack", CANARY).await.script();
    let args = json!({"integration": "slack", "method": "POST", "path": "/api/chat.postMessage"});
    let error = is(script.ask("integration.request", args).await, ErrorCode::OauthTokenExpired);
    assert_eq!(error.action_url(), Some("https://wrens.ie/integrations/slack/reauthorize"));
}

#[tokio::test]
async fn a_pasted_line_break_is_no_part_of_a_key() {
    let server = Server::start(|seen| answer(200, &[], token(seen).to_owned())).await;
    let script = Setup::new(&[&server]).with_secret("crm", &format!("{CANARY}\r\n")).await.script();
    assert_eq!(script.crm("/", json!({})).await.unwrap().text(), "[redacted crm]");
    assert_eq!(token(&server.only()), CANARY);
    let script = Setup::new(&[&server]).with_secret("crm", &format!("{CANARY}\r\nX-A: 1")).await.script();
    is(script.crm("/", json!({})).await, ErrorCode::IntegrationNotConfigured);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_script_gets_a_secret_only_where_that_is_allowed() {
    let server = Server::start(ok).await;
    let script = Setup::new(&[&server]).with_secret("own_key", CANARY).await.script();
    let error = script.refusal("secret.get", json!({"name": "own_key"})).await;
    assert_eq!(error.code(), ErrorCode::PermissionDenied);
    assert!(error.hint().is_some());

    let setup = Setup::new(&[&server]).with_secret("own_key", CANARY).await;
    let script = setup.script_with(|builder| builder.with_secrets(Arc::new(true)));
    assert_eq!(script.ask("secret.get", json!({"name": "own_key"})).await.unwrap().0["value"], CANARY);
    let error = script.refusal("secret.get", json!({"name": "another"})).await;
    assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
    assert_eq!(script.refusal("secret.get", json!({})).await.code(), ErrorCode::InvalidRequest);
    assert_eq!(script.refusal("secret.set", json!({})).await.code(), ErrorCode::InvalidRequest);
}
