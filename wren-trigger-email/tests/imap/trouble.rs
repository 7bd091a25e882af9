//! Servers that are gone, hang or refuse: what is shown, and that it goes on.

use std::time::Duration;

use chrono::Utc;
use wren_core::source::WatchState;
use wren_core::vault::NewCredential;
use wren_core::{ErrorClass, ErrorCode};

use crate::support::{USER, World, owner};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_left_and_found_again() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world
        .watching(|options| {
            options.poll = Duration::from_millis(50);
            options.patience = Duration::from_millis(500);
        })
        .await;
    world.server.pause();
    let health = running.health("it to be noticed", |health| health.failures >= 3).await;
    assert!(health.last_error.unwrap().message.contains("does not answer in time"));
    world.deliver("meanwhile");
    world.server.resume();
    assert_eq!(world.sink.until(1).await, ["meanwhile"]);
    running.looked().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_waited_for() {
    let Some(mut world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.watching(|_| {}).await;
    world.server.stop();
    let health = running.health("it to be noticed", |health| health.failures >= 3).await;
    let error = health.last_error.clone().unwrap();
    assert!(error.message.contains("cannot be reached") && error.hint.is_some(), "{error:?}");
    assert!(health.lag(Utc::now()).is_some());
    world.deliver("meanwhile");
    world.server.start_again();
    assert_eq!(world.sink.until(1).await, ["meanwhile"]);
    let health = running.health("it to be well", |health| health.failures == 0).await;
    assert!(health.last_error.is_some(), "what went wrong last can still be seen");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_refused_is_tried_once_until_the_credential_changes() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.watching(|options| options.refused_wait = Duration::from_secs(60 * 60)).await;
    world.server.set_password(USER, "another one");
    world.server.cut_connections();
    let refused = |health: &wren_core::source::AccountHealth| health.state == WatchState::NeedsAttention;
    let error = running.health("the refusal", refused).await.last_error.unwrap();
    assert_eq!(error.code.class(), ErrorClass::UserFacingConfigError);
    assert!(error.message.contains("refused the login") && error.hint.unwrap().contains("`imap`"));
    world.deliver("meanwhile");

    // Another credential of the owner that changes changes nothing.
    world.set_account(NewCredential::new("slack", "xoxb")).await;
    let mended = world.plain_with("another one");
    world.set_account(mended).await;
    assert_eq!(world.sink.until(1).await, ["meanwhile"]);
    running.stop().await;
    let failures = world.server.log().matches("auth failed").count();
    assert_eq!(failures, 1, "{}", world.server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_in_the_vault_needs_attention_until_it_is() {
    use wren_core::vault::CredentialVault as _;
    let Some(world) = World::start().await else { return };
    world.vault.delete(&owner(), "imap").await.unwrap();
    world.sink.add("INBOX");
    let running = world.run(world.source(|_| {}));
    let health = running.health("the want", |health| health.state == WatchState::NeedsAttention).await;
    assert_eq!(health.last_error.unwrap().code, ErrorCode::IntegrationNotConfigured);
    world.set_account(NewCredential::new("imap", "x").with_field("host", "localhost")).await;
    let named = |health: &wren_core::source::AccountHealth| {
        health.last_error.as_ref().is_some_and(|error| error.message.contains("no field `user`"))
    };
    running.health("the want of a field", named).await;
    world.set_account(world.plain()).await;
    running.idle().await;
    running.stop().await;
}
