//! Ways to a server: TLS in its kinds, and what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use wren_core::memory::MemoryVault;
use wren_core::source::WatchState;
use wren_core::vault::{CredentialRefresher, NewCredential, Refreshing};
use wren_core::{Error, ErrorCode, Result};

use crate::support::{USER, World};

/// Gives the next token, or refuses.
#[derive(Debug, Default)]
struct Provider {
    token: String,
    refuses: AtomicBool,
}

#[async_trait]
impl CredentialRefresher for Provider {
    fn serves(&self, integration: &str) -> bool {
        integration == "gmail"
    }

    async fn refresh(&self, _: &Refreshing, _: DateTime<Utc>) -> Result<NewCredential> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorCode::OauthTokenExpired, "revoked"));
        }
        Ok(NewCredential::new("gmail", self.token.as_str()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_is_refused_is_renewed_and_one_that_cannot_be_needs_the_user() {
    let Some(mut world) = World::start().await else { return };
    let provider = Arc::new(Provider { token: world.server.access_token(USER), ..Provider::default() });
    world.vault = Arc::new(MemoryVault::new().with_refresher(provider.clone()));
    let account = world.account(world.server.tls_port(), "implicit");
    world.set_account(account.with_field("auth", "xoauth2").with_field("oauth_integration", "gmail")).await;
    let revoked = || NewCredential::new("gmail", "not.a.token").with_refresh_token("next");
    world.set_account(revoked()).await;
    world.sink.add("INBOX");
    let running = world.watching(|_| {}).await;
    world.deliver("renewed");
    assert_eq!(world.sink.until(1).await, ["renewed"]);

    provider.refuses.store(true, Ordering::SeqCst);
    world.set_account(revoked()).await;
    world.server.cut_connections();
    let health = running.health("the refusal", |health| health.state == WatchState::NeedsAttention).await;
    assert_eq!(health.last_error.unwrap().code, ErrorCode::OauthTokenExpired);
    world.deliver("meanwhile");
    world.set_account(NewCredential::new("gmail", world.server.access_token(USER))).await;
    assert_eq!(world.sink.until(2).await, ["renewed", "meanwhile"]);
    running.stop().await;
    assert!(world.server.log().contains("method=XOAUTH2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_come_over_tls_and_over_starttls() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    for (number, (port, tls)) in
        [(world.server.tls_port(), "implicit"), (world.server.port(), "starttls")].into_iter().enumerate()
    {
        world.set_account(world.account(port, tls)).await;
        let running = world.watching(|_| {}).await;
        world.deliver(tls);
        assert_eq!(world.sink.until(number + 1).await[number], tls);
        running.stop().await;
    }
    let log = world.server.log();
    let logins: Vec<&str> = log.lines().filter(|line| line.contains("Login: user=<ada>")).collect();
    assert!(logins.iter().all(|line| line.contains("TLS")), "{logins:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_is_refused_with_what_to_do() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    for (port, tls) in [(world.server.tls_port(), "implicit"), (world.server.port(), "starttls")] {
        world.set_account(world.account(port, tls)).await;
        let running = world.run(world.source_trusting(|_| {}, ""));
        let health = running.health("the refusal", |health| health.state == WatchState::NeedsAttention).await;
        let error = health.last_error.unwrap();
        assert_eq!(error.code, ErrorCode::IntegrationNotConfigured);
        assert!(error.message.contains("not trusted") && error.hint.unwrap().contains("authority"));
        running.stop().await;
    }
    assert!(!world.server.log().contains("Login: user"), "no password was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_this_machine_is_refused_unless_that_is_allowed() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.run(world.source(|options| options.private_hosts.clear()));
    let health = running.health("the refusal", |health| health.state == WatchState::NeedsAttention).await;
    assert_eq!(health.last_error.unwrap().code, ErrorCode::PermissionDenied);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_came_before_anybody_got_in_are_not_lost() {
    let Some(world) = World::start().await else { return };
    world.deliver("before the deploy");
    world.sink.add("INBOX");
    // Dates of a mailbox are told to the second.
    let deployed = world.sink.triggers.lock()[0].created_at;
    tokio::time::timeout(Duration::from_secs(30), async {
        while chrono::Utc::now().timestamp() <= deployed.timestamp() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let right = world.account(world.server.tls_port(), "implicit");
    let wrong = NewCredential::new("imap", "another");
    let wrong = ["host", "user", "port"].into_iter().fold(wrong, |wrong, field| {
        let value = match field {
            "host" => "localhost".to_owned(),
            "user" => USER.to_owned(),
            _ => world.server.tls_port().to_string(),
        };
        wrong.with_field(field, value)
    });
    world.set_account(wrong).await;
    let running = world.run(world.source(|_| {}));
    running.health("the refusal", |health| health.state == WatchState::NeedsAttention).await;
    world.deliver("meanwhile");
    world.set_account(right).await;
    assert_eq!(world.sink.until(1).await, ["meanwhile"]);
    running.stop().await;
}
