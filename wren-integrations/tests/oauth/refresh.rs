//! Tokens that have ended and are renewed.

use secrecy::{ExposeSecret as _, SecretString};
use wren_core::ErrorCode;
use wren_core::memory::MemoryVault;
use wren_core::vault::{AccessPurpose, CredentialRefresher as _, CredentialVault as _, Refreshing};
use wren_integrations::OauthClient;

use super::*;

fn purpose() -> AccessPurpose {
    AccessPurpose::new("http.request")
}

/// What a vault hands to a refresher.
fn asking(credential: &NewCredential) -> Refreshing {
    let new = credential.clone();
    let mut asking = refreshing(&new.integration, new.refresh_token.unwrap());
    asking.scopes = new.scopes;
    asking
}

fn refreshing(integration: &str, refresh_token: SecretString) -> Refreshing {
    let integration = integration.to_owned();
    Refreshing { owner: ada(), integration, refresh_token, fields: Default::default(), scopes: Vec::new() }
}

#[tokio::test]
async fn a_refresh_token_that_stays_is_not_answered_and_is_kept() {
    let platform = Platform::start(Manner::Google).await;
    let credential = platform.connect("gmail").await.unwrap();
    let asking = asking(&credential);
    let answer = platform.refresher.refresh(&asking, now()).await.unwrap();
    assert_eq!(answer.secret.expose_secret(), "canary-access-3");
    assert!(answer.refresh_token.is_none() && answer.scopes.is_empty());
    assert_eq!(answer.expires_at, Some(now() + TimeDelta::seconds(3_599)));
    let kept = asking.answered(answer);
    assert_eq!(kept.refresh_token.unwrap().expose_secret(), "canary-refresh-2");
    assert_eq!(kept.scopes, credential.scopes);
    let form = &platform.provider.calls()[1].form;
    assert_eq!((form["grant_type"].as_str(), form["client_id"].as_str()), ("refresh_token", CLIENT_ID));
    assert!(!form.contains_key("scope"), "the same as before, says RFC 6749");
}

#[tokio::test]
async fn a_refresh_token_that_works_once_is_replaced() {
    let platform = Platform::start(Manner::Slack).await;
    let credential = platform.connect("slack").await.unwrap();
    let first = asking(&credential);
    let kept = first.clone().answered(platform.refresher.refresh(&first, now()).await.unwrap());
    assert_eq!(kept.refresh_token.as_ref().unwrap().expose_secret(), "canary-refresh-3");
    assert_eq!(kept.scopes, crate::flow::SLACK_SCOPES);
    // The new one works, and the old one does no more.
    platform.refresher.refresh(&asking(&kept), now()).await.unwrap();
    let error = refused(platform.refresher.refresh(&first, now()).await);
    assert_eq!(error.code(), ErrorCode::OauthTokenExpired);
}

#[tokio::test]
async fn a_vault_renews_what_has_ended_until_the_provider_refuses_for_good() {
    let platform = Platform::start(Manner::Slack).await;
    let vault = MemoryVault::new().with_refresher(Arc::new(platform.refresher.clone()));
    vault.put(&ada(), platform.connect("slack").await.unwrap(), now()).await.unwrap();
    for (half_days, token) in [(0, "canary-access-2"), (1, "canary-access-3"), (2, "canary-access-4")] {
        let at = now() + TimeDelta::hours(12 * half_days);
        assert_eq!(vault.access(&ada(), "slack", purpose(), at).await.unwrap().expose_secret(), token);
    }
    platform.provider.revoke_everything();
    let later = now() + TimeDelta::days(3);
    for _ in 0..2 {
        let error = refused(vault.access(&ada(), "slack", purpose(), later).await);
        assert_eq!(error.code(), ErrorCode::OauthTokenExpired);
    }
    let status = vault.status(&ada(), "slack", later).await.unwrap().unwrap();
    assert!(!status.renewable && status.is_expired(later));
    // The exchange, two refreshes, and one that was refused: after that nobody asks again.
    assert_eq!(platform.provider.calls().len(), 4);
}

#[tokio::test]
async fn a_refusal_for_good_sends_the_user_to_connect_again() {
    let slack = |error: &str| Manner::answer(200, format!(r#"{{"ok":false,"error":"{error}"}}"#));
    let google = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked. canary"}"#;
    for (integration, manner) in [
        ("gmail", Manner::answer(400, google)),
        ("slack", slack("invalid_grant")),
        ("slack", slack("invalid_refresh_token")),
        ("slack", slack("token_revoked")),
    ] {
        let platform = Platform::start(manner).await;
        let credential = refreshing(integration, "canary".into());
        let error = refused(platform.refresher.refresh(&credential, now()).await);
        assert_eq!(error.code(), ErrorCode::OauthTokenExpired);
        let page = format!("https://wrens.ie/integrations/{integration}/reauthorize");
        assert_eq!(error.action_url(), Some(page.as_str()));
        assert!(error.docs_url().is_some());
    }
}

#[tokio::test]
async fn whatever_may_pass_is_not_for_good() {
    let platform = Platform::start(Manner::Google).await;
    for manner in [
        Manner::answer(500, r#"{"error":"invalid_grant"}"#),
        Manner::answer(502, "canary"),
        Manner::answer(429, r#"{"error":"invalid_grant"}"#),
        Manner::answer(401, r#"{"error":"invalid_client"}"#),
        Manner::answer(400, r#"{"error":"invalid_refresh_token"}"#),
        Manner::answer(400, r#"{"error":"canary.invalid_grant"}"#),
        Manner::answer(404, ""),
        Manner::answer(200, "canary"),
        Manner::answer(200, r#"{"refresh_token":"canary"}"#),
        Manner::Endless { announced: true },
        Manner::Endless { announced: false },
        Manner::Redirect,
    ] {
        platform.provider.behave(manner.clone());
        let credential = refreshing("gmail", "canary".into());
        let error = refused(platform.refresher.refresh(&credential, now()).await);
        assert_eq!(error.code(), ErrorCode::Internal, "{manner:?}");
        assert!(error.retryable() && error.hint().is_some(), "{manner:?}");
    }
    assert_eq!(platform.provider.redirected(), 0);
    // Slack's own troubles, with a status that says ok.
    platform.provider.behave(Manner::answer(200, r#"{"ok":false,"error":"internal_error"}"#));
    let error = refused(platform.refresher.refresh(&refreshing("slack", "canary".into()), now()).await);
    assert_eq!(error.code(), ErrorCode::Internal);
}

#[tokio::test]
async fn a_credential_outlives_its_providers_troubles() {
    let platform = Platform::start(Manner::Google).await;
    let vault = MemoryVault::new().with_refresher(Arc::new(platform.refresher.clone()));
    vault.put(&ada(), platform.connect("gmail").await.unwrap(), now()).await.unwrap();
    let later = now() + TimeDelta::days(1);
    platform.provider.behave(Manner::answer(503, ""));
    assert_eq!(refused(vault.access(&ada(), "gmail", purpose(), later).await).code(), ErrorCode::Internal);
    platform.provider.behave(Manner::Google);
    assert_eq!(vault.access(&ada(), "gmail", purpose(), later).await.unwrap().expose_secret(), "canary-access-3");
}

#[tokio::test]
async fn a_provider_that_never_answers_may_answer_later() {
    let store = Arc::new(MemoryStore::new());
    let soon = Duration::from_millis(50);
    let platform = Platform::start_with(Manner::Silent, store, soon, |client: OauthClient| client).await;
    let error = refused(platform.refresher.refresh(&refreshing("gmail", "canary".into()), now()).await);
    assert_eq!(error.code(), ErrorCode::Internal);
    assert!(error.retryable());
}

#[tokio::test]
async fn what_the_platform_has_no_client_of_is_not_served() {
    let platform = Platform::start(Manner::Google).await;
    assert!(platform.refresher.serves("gmail") && platform.refresher.serves("slack"));
    assert!(!platform.refresher.serves("openai") && !platform.refresher.serves("gmial"));
    let error = refused(platform.refresher.refresh(&refreshing("openai", "canary".into()), now()).await);
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    assert!(!format!("{:?} {:?}", platform.refresher, refreshing("gmail", "canary".into())).contains(CANARY));
}
