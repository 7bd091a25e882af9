//! Refresh: once, in time, and never lost.

use std::sync::Arc;

use tokio::task::JoinSet;
use wren_core::ErrorCode;
use wren_core::vault::{NewCredential, REFRESH_TOKEN_FIELD};

use super::VaultUnderTest;
use super::harness::{exposed, purpose, refused};
use super::provider::{GOOD_FOR, Mood};
use crate::fixtures::{NOW, ada, at};

/// Puts a credential that ends after a hundred seconds and that the provider knows.
async fn connect(test: &VaultUnderTest) {
    test.provider.connect();
    let credential = NewCredential::new("gmail", "access-0").with_expiry(at(100)).with_refresh_token("refresh-0");
    test.put(&ada(), credential.with_scopes(vec!["mail".into()]).with_field("client", "c-1"), NOW).await;
}

pub async fn a_secret_that_has_ended_is_refreshed(test: VaultUnderTest) {
    connect(&test).await;
    assert_eq!(test.access(&ada(), "gmail", at(500)).await.unwrap(), "access-1");
    let status = test.status(&ada(), "gmail").await.unwrap();
    assert_eq!((status.version, status.renewable), (2, true));
    let end = status.expires_at.unwrap();
    assert!(end >= at(500) + GOOD_FOR && end < at(560) + GOOD_FOR, "{end}");
    assert_eq!(status.scopes, ["read", "write"]);
    assert_eq!(test.field(&ada(), "gmail", REFRESH_TOKEN_FIELD).await.unwrap(), "refresh-1");
    assert_eq!(test.access(&ada(), "gmail", at(510)).await.unwrap(), "access-1");
    assert_eq!(test.provider.asked(), 1);
}

pub async fn a_secret_that_ends_at_once_is_refreshed_before(test: VaultUnderTest) {
    connect(&test).await;
    assert_eq!(test.access(&ada(), "gmail", at(41)).await.unwrap(), "access-1");
}

pub async fn a_secret_that_is_good_is_not_refreshed(test: VaultUnderTest) {
    connect(&test).await;
    assert_eq!(test.access(&ada(), "gmail", at(39)).await.unwrap(), "access-0");
    assert_eq!(test.field(&ada(), "gmail", "client").await.unwrap(), "c-1");
    assert_eq!(test.provider.asked(), 0);
}

pub async fn many_callers_refresh_once(test: VaultUnderTest) {
    connect(&test).await;
    let (test, mut callers) = (Arc::new(test), JoinSet::new());
    for _ in 0..16 {
        let test = Arc::clone(&test);
        callers.spawn(async move { test.access(&ada(), "gmail", at(200)).await.unwrap() });
    }
    assert!(callers.join_all().await.iter().all(|secret| secret == "access-1"));
    assert_eq!(test.provider.asked(), 1);
}

pub async fn a_refused_secret_is_refreshed_once_for_all_who_were_refused(test: VaultUnderTest) {
    connect(&test).await;
    let (test, mut callers) = (Arc::new(test), JoinSet::new());
    for _ in 0..8 {
        let test = Arc::clone(&test);
        callers.spawn(async move { test.refresh(&ada(), "gmail", "access-0", NOW).await.unwrap() });
    }
    assert!(callers.join_all().await.iter().all(|secret| secret == "access-1"));
    assert_eq!(test.provider.asked(), 1);
    // Whoever comes late with the old one gets the new one.
    assert_eq!(test.refresh(&ada(), "gmail", "access-0", NOW).await.unwrap(), "access-1");
    assert_eq!(test.refresh(&ada(), "gmail", "access-1", NOW).await.unwrap(), "access-2");
    assert_eq!(test.provider.asked(), 2);
}

pub async fn a_refused_secret_that_cannot_be_renewed_is_an_ended_one(test: VaultUnderTest) {
    test.put(&ada(), NewCredential::new("slack", "canary"), NOW).await;
    let code = refused(test.refresh(&ada(), "slack", "canary", NOW).await, &["canary"]);
    assert_eq!(code, ErrorCode::OauthTokenExpired);
    // The vault believes the caller, but not for what it does not keep: somebody has put another one.
    assert_eq!(test.refresh(&ada(), "slack", "older", NOW).await.unwrap(), "canary");
}

pub async fn a_refused_secret_whose_refresh_is_refused_has_ended_before_its_time(test: VaultUnderTest) {
    test.provider.connect();
    for end in [Some(at(10_000)), None] {
        let mut used = NewCredential::new("gmail", "canary").with_refresh_token("refresh-77");
        used.expires_at = end;
        test.put(&ada(), used, NOW).await;
        assert_eq!(test.access(&ada(), "gmail", at(1)).await.unwrap(), "canary");
        let asked = test.provider.asked();
        assert_eq!(
            refused(test.refresh(&ada(), "gmail", "canary", at(1)).await, &["canary"]),
            ErrorCode::OauthTokenExpired
        );
        // Nobody is given what the service has refused, and the user sees why.
        assert_eq!(refused(test.access(&ada(), "gmail", at(1)).await, &["canary"]), ErrorCode::OauthTokenExpired);
        assert!(test.status(&ada(), "gmail").await.unwrap().is_expired(at(1)));
        assert_eq!(test.provider.asked(), asked + 1);
    }
}

pub async fn what_the_provider_keeps_silent_about_stays(test: VaultUnderTest) {
    connect(&test).await;
    test.provider.set(Mood::Terse);
    assert_eq!(test.access(&ada(), "gmail", at(200)).await.unwrap(), "access-1");
    assert_eq!(test.field(&ada(), "gmail", REFRESH_TOKEN_FIELD).await.unwrap(), "refresh-0");
    assert_eq!(test.field(&ada(), "gmail", "client").await.unwrap(), "c-1");
    assert_eq!(test.status(&ada(), "gmail").await.unwrap().scopes, ["mail"]);
}

pub async fn a_provider_that_refuses_is_not_asked_again_until_the_next_put(test: VaultUnderTest) {
    test.provider.connect();
    let used = NewCredential::new("gmail", "canary").with_expiry(at(100)).with_refresh_token("refresh-77");
    test.put(&ada(), used, NOW).await;
    for second in 200..204 {
        let code = refused(test.access(&ada(), "gmail", at(second)).await, &["canary", "refresh-77"]);
        assert_eq!(code, ErrorCode::OauthTokenExpired);
    }
    assert_eq!(test.provider.asked(), 1);
    assert!(!test.status(&ada(), "gmail").await.unwrap().renewable);
    connect(&test).await;
    assert!(test.status(&ada(), "gmail").await.unwrap().renewable);
    assert_eq!(test.access(&ada(), "gmail", at(204)).await.unwrap(), "access-2");
}

pub async fn a_provider_that_is_down_takes_nothing_away(test: VaultUnderTest) {
    connect(&test).await;
    test.provider.set(Mood::Down);
    assert_eq!(test.access(&ada(), "gmail", at(99)).await.unwrap(), "access-0");
    let error = test.access(&ada(), "gmail", at(100)).await.unwrap_err();
    assert!(error.retryable() && error.code() != ErrorCode::OauthTokenExpired, "{error:?}");
    assert!(test.status(&ada(), "gmail").await.unwrap().renewable);
    test.provider.set(Mood::Well);
    assert_eq!(test.access(&ada(), "gmail", at(101)).await.unwrap(), "access-3");
}

pub async fn a_single_use_refresh_token_lasts_through_many_refreshes(test: VaultUnderTest) {
    connect(&test).await;
    for round in 1..=10 {
        let secret = test.access(&ada(), "gmail", at(round * 10_000)).await.unwrap();
        assert_eq!(secret, format!("access-{round}"));
    }
    assert_eq!(test.status(&ada(), "gmail").await.unwrap().version, 11);
}

pub async fn a_put_during_a_refresh_is_what_stays(test: VaultUnderTest) {
    connect(&test).await;
    test.provider.set(Mood::Waiting);
    let test = Arc::new(test);
    let caller = tokio::spawn({
        let test = Arc::clone(&test);
        async move { test.access(&ada(), "gmail", at(200)).await }
    });
    test.provider.begun.notified().await;
    test.put(&ada(), NewCredential::new("gmail", "by hand"), NOW).await;
    test.provider.go_on.notify_one();
    let _ = caller.await.unwrap();
    assert_eq!(test.access(&ada(), "gmail", at(200)).await.unwrap(), "by hand");
}

pub async fn a_caller_that_goes_away_loses_nothing(test: VaultUnderTest) {
    connect(&test).await;
    test.provider.set(Mood::Waiting);
    let vault = Arc::clone(&test.vault);
    let caller = tokio::spawn(async move { exposed(vault.access(&ada(), "gmail", purpose(), at(200)).await) });
    test.provider.begun.notified().await;
    caller.abort();
    let _ = caller.await;
    test.provider.set(Mood::Well);
    test.provider.go_on.notify_one();
    // The provider's answer to the first is kept, so nobody has to ask again.
    assert_eq!(test.access(&ada(), "gmail", at(200)).await.unwrap(), "access-1");
    assert_eq!(test.provider.asked(), 1);
}

pub async fn a_credential_without_a_refresh_token_ends(test: VaultUnderTest) {
    test.put(&ada(), NewCredential::new("gmail", "canary").with_expiry(at(100)), NOW).await;
    assert!(!test.status(&ada(), "gmail").await.unwrap().renewable);
    assert_eq!(refused(test.access(&ada(), "gmail", at(100)).await, &["canary"]), ErrorCode::OauthTokenExpired);
    assert_eq!(test.provider.asked(), 0);
}
