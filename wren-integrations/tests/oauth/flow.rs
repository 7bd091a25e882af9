//! Flows of users who give leave.

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use wren_core::ErrorCode;
use wren_core::memory::MemoryVault;
use wren_core::vault::{AccessPurpose, CredentialVault as _};
use wren_integrations::{Callback, ClientAuthentication, OauthClient};

use super::*;

fn memory() -> Arc<dyn RecordStore> {
    Arc::new(MemoryStore::new())
}

/// What is asked of Slack, what can be done without included.
pub(crate) const SLACK_SCOPES: [&str; 4] = ["chat:write", "channels:read", "channels:history", "reactions:write"];

#[tokio::test]
async fn the_page_asks_for_what_the_catalogue_says() {
    let platform = Platform::start(Manner::Google).await;
    let page = platform.provider.consent(&platform.begin("gmail").await).page;
    assert_eq!(page["redirect_uri"], "https://wrens.ie/integrations/gmail/callback");
    assert_eq!(page["scope"], "https://www.googleapis.com/auth/gmail.modify");
    assert_eq!((page["access_type"].as_str(), page["prompt"].as_str()), ("offline", "consent"));
    assert_eq!(page["hd"], "example.com", "what stands in the page's address stays");
    // 256 bits each, in base64url.
    assert_eq!((page["state"].len(), page["code_challenge"].len()), (43, 43));
    let slack = platform.provider.consent(&platform.begin("slack").await).page;
    assert_eq!(slack["scope"], "chat:write,channels:read,channels:history,reactions:write");
    assert!(!slack.contains_key("access_type"));
    assert_ne!(slack["state"], page["state"]);
    assert_ne!(slack["code_challenge"], page["code_challenge"]);
}

#[tokio::test]
async fn a_user_connects_gmail() {
    let platform = Platform::start(Manner::Google).await;
    let credential = platform.connect("gmail").await.unwrap();
    assert_eq!(credential.integration, "gmail");
    assert_eq!(credential.secret.expose_secret(), "canary-access-2");
    assert_eq!(credential.refresh_token.as_ref().unwrap().expose_secret(), "canary-refresh-2");
    assert_eq!(credential.expires_at, Some(now() + TimeDelta::seconds(3_599)));
    assert_eq!(credential.scopes, ["https://www.googleapis.com/auth/gmail.modify"]);
    let vault = MemoryVault::new();
    vault.put(&ada(), credential, now()).await.unwrap();
    let secret = vault.access(&ada(), "gmail", AccessPurpose::new("http.request"), now()).await.unwrap();
    assert_eq!(secret.expose_secret(), "canary-access-2");
}

#[tokio::test]
async fn a_user_connects_slack_for_a_bot_and_for_themselves() {
    let platform = Platform::start(Manner::Slack).await;
    for manner in [Manner::Slack, Manner::SlackUser] {
        platform.provider.behave(manner);
        let credential = platform.connect("slack").await.unwrap();
        assert!(credential.secret.expose_secret().starts_with("canary-access-"));
        assert!(credential.refresh_token.unwrap().expose_secret().starts_with("canary-refresh-"));
        assert_eq!(credential.expires_at, Some(now() + TimeDelta::hours(12)));
        assert_eq!(credential.scopes, SLACK_SCOPES);
    }
}

#[tokio::test]
async fn a_token_without_an_end_or_a_refresh_token_is_one() {
    let platform = Platform::start(Manner::answer(200, r#"{"ok":true,"access_token":"canary"}"#)).await;
    let credential = platform.connect("slack").await.unwrap();
    assert_eq!((credential.expires_at, credential.refresh_token.is_none()), (None, true));
    assert_eq!(credential.scopes, SLACK_SCOPES, "what was asked for, says RFC 6749");
}

#[tokio::test]
async fn other_scopes_than_the_catalogues_may_be_asked_for() {
    let platform = Platform::start(Manner::Google).await;
    let wanted = ["a".to_owned(), "b".to_owned()];
    let page = platform.flows.begin(&ada(), "gmail", &wanted, now()).await.unwrap();
    let visit = platform.provider.consent(&page);
    assert_eq!(visit.page["scope"], "a b");
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    let (_, credential) = platform.flows.finish(callback, None, now()).await.unwrap();
    assert_eq!(credential.scopes, wanted);
}

#[tokio::test]
async fn fewer_scopes_than_asked_for_may_be_granted() {
    let answer = r#"{"access_token":"canary","scope":"https://www.googleapis.com/auth/gmail.send"}"#;
    let platform = Platform::start(Manner::answer(200, answer)).await;
    let credential = platform.connect("gmail").await.unwrap();
    assert_eq!(credential.scopes, ["https://www.googleapis.com/auth/gmail.send"]);
}

#[tokio::test]
async fn the_client_says_who_it_is_in_a_header_when_told_so() {
    let basic = |client: OauthClient| client.with_authentication(ClientAuthentication::Basic);
    let platform = Platform::start_with(Manner::Google, memory(), PATIENT, basic).await;
    platform.connect("gmail").await.unwrap();
    let call = &platform.provider.calls()[0];
    assert!(call.authorization.is_some() && !call.form.contains_key("client_secret"));
}

#[tokio::test]
async fn a_public_client_has_its_verifier_alone() {
    let public = |mut client: OauthClient| {
        client.client_secret = None;
        client
    };
    let manner = Manner::answer(200, r#"{"access_token":"canary"}"#);
    let platform = Platform::start_with(manner, memory(), PATIENT, public).await;
    platform.connect("gmail").await.unwrap();
    let call = &platform.provider.calls()[0];
    assert_eq!(call.form["client_id"], CLIENT_ID);
    assert_eq!(call.form["code_verifier"].len(), 43);
    assert!(call.authorization.is_none() && !call.form.contains_key("client_secret"));
}

#[tokio::test]
async fn the_address_to_come_back_to_can_be_another() {
    let other = "https://relay.example/back?to=wren";
    let relayed = |client: OauthClient| client.with_redirect_uri(other);
    let platform = Platform::start_with(Manner::Google, memory(), PATIENT, relayed).await;
    platform.connect("gmail").await.unwrap();
    assert_eq!(platform.provider.calls()[0].form["redirect_uri"], other);
}

#[tokio::test]
async fn a_code_of_another_flow_is_of_no_use() {
    let platform = Platform::start(Manner::Google).await;
    let mine = platform.provider.consent(&platform.begin("gmail").await);
    let stolen = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_code("gmail", mine.state, stolen.code);
    let error = refused(platform.flows.finish(callback, Some(&ada()), now()).await);
    assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
    assert_eq!(error.details()["reason"], "invalid_grant", "the provider checks the verifier");
}

#[tokio::test]
async fn only_what_knows_oauth_and_has_a_client_can_be_begun() {
    let platform = Platform::start(Manner::Google).await;
    for (name, code) in [("gmial", ErrorCode::UnknownIntegration), ("openai", ErrorCode::InvalidRequest)] {
        assert_eq!(refused(platform.flows.begin(&ada(), name, &[], now()).await).code(), code);
        let callback = Callback::with_code(name, "state", "code");
        assert_eq!(refused(platform.flows.finish(callback, None, now()).await).code(), code);
    }
}
