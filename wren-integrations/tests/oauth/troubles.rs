//! Users and providers who refuse, and providers who do not answer as they should.

use wren_core::{ErrorClass, ErrorCode};
use wren_integrations::{Callback, OauthClient};

use super::*;

/// Asserts that the user is told to begin again, and where.
fn asks_to_begin_again(error: &Error, reason: Option<&str>) {
    assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
    assert_eq!(error.class(), ErrorClass::UserFacingConfigError);
    assert!(error.action_url().unwrap().starts_with("https://wrens.ie/integrations/"), "{error:?}");
    assert!(error.docs_url().unwrap().starts_with("https://docs.wrens.ie/integrations/"), "{error:?}");
    assert_eq!(error.details().get("reason").and_then(|reason| reason.as_str()), reason);
    assert!(error.hint().is_some() && !error.retryable());
}

#[tokio::test]
async fn a_user_may_say_no() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_error("gmail", visit.state.clone(), "access_denied");
    let error = refused(platform.flows.finish(callback, Some(&ada()), now()).await);
    asks_to_begin_again(&error, Some("access_denied"));
    assert!(error.hint().unwrap().contains("agree"));
    // A code that comes after a no is nobody's.
    let callback = Callback::with_code("gmail", visit.state, visit.code);
    let error = refused(platform.flows.finish(callback, Some(&ada()), now()).await);
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    assert!(platform.provider.calls().is_empty());
}

#[tokio::test]
async fn what_somebody_wrote_into_a_link_is_not_repeated() {
    let platform = Platform::start(Manner::Google).await;
    let visit = platform.provider.consent(&platform.begin("gmail").await);
    let callback = Callback::with_error("gmail", visit.state, "<script>canary</script>");
    asks_to_begin_again(&refused(platform.flows.finish(callback, None, now()).await), Some("unknown"));
}

#[tokio::test]
async fn slack_refuses_with_a_status_that_says_ok() {
    let platform = Platform::start(Manner::answer(200, r#"{"ok":false,"error":"invalid_code"}"#)).await;
    asks_to_begin_again(&refused(platform.connect("slack").await), Some("invalid_code"));
    // The same from the server that takes a code once.
    platform.provider.behave(Manner::Slack);
    let state = platform.provider.consent(&platform.begin("slack").await).state;
    let callback = Callback::with_code("slack", state, "canary-forged");
    asks_to_begin_again(&refused(platform.flows.finish(callback, None, now()).await), Some("invalid_code"));
}

#[tokio::test]
async fn a_client_that_the_provider_does_not_know_is_for_the_operator_to_mend() {
    let wrong = |mut client: OauthClient| {
        client.client_secret = Some("canary wrong".into());
        client
    };
    let store = Arc::new(MemoryStore::new());
    let platform = Platform::start_with(Manner::Google, store, PATIENT, wrong).await;
    for (integration, manner, reason) in
        [("gmail", Manner::Google, "invalid_client"), ("slack", Manner::Slack, "bad_client_secret")]
    {
        platform.provider.behave(manner);
        let error = refused(platform.connect(integration).await);
        asks_to_begin_again(&error, Some(reason));
        assert!(error.hint().unwrap().contains("client id and secret"));
    }
}

#[tokio::test]
async fn a_provider_that_repeats_what_it_was_sent_is_not_repeated() {
    for status in [200, 400, 401, 403, 500] {
        let body = r#"{"ok":false,"error":"4/canary-code-1","error_description":"canary secret"}"#;
        let platform = Platform::start(Manner::answer(status, body)).await;
        for integration in ["gmail", "slack"] {
            let reason = (status != 500).then_some("unknown");
            asks_to_begin_again(&refused(platform.connect(integration).await), reason);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_none_gives_no_credential() {
    let platform = Platform::start(Manner::Google).await;
    let token = r#"{"access_token":"canary"}"#;
    for manner in [
        Manner::answer(500, r#"{"error":"invalid_grant"}"#),
        Manner::answer(503, "canary"),
        Manner::answer(429, r#"{"error":"rate_limit_exceeded"}"#),
        Manner::answer(404, "<html>canary</html>"),
        Manner::answer(400, token),
        Manner::answer(302, token),
        Manner::answer(200, "<html>canary</html>"),
        Manner::answer(200, r#"{"refresh_token":"canary"}"#),
        Manner::answer(200, r#"{"access_token":["canary"]}"#),
        Manner::Endless { announced: true },
        Manner::Endless { announced: false },
        Manner::Redirect,
    ] {
        platform.provider.behave(manner.clone());
        let error = refused(platform.connect("gmail").await);
        asks_to_begin_again(&error, None);
        assert!(error.chain().contains("Gmail's token URL"), "{manner:?}: {}", error.chain());
    }
    assert_eq!(platform.provider.redirected(), 0);
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up() {
    let store = Arc::new(MemoryStore::new());
    let soon = Duration::from_millis(50);
    let platform = Platform::start_with(Manner::Silent, store, soon, |client| client).await;
    let error = refused(platform.connect("gmail").await);
    asks_to_begin_again(&error, None);
    assert!(error.chain().contains("does not answer"), "{}", error.chain());
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_given_up() {
    let nobody = |client: OauthClient| client.with_token_url(Url::parse("http://127.0.0.1:1/token").unwrap());
    let store = Arc::new(MemoryStore::new());
    let platform = Platform::start_with(Manner::Google, store, PATIENT, nobody).await;
    asks_to_begin_again(&refused(platform.connect("gmail").await), None);
}

#[tokio::test]
async fn no_error_tells_a_state_or_a_verifier() {
    for manner in [Manner::Redirect, Manner::answer(500, ""), Manner::answer(400, r#"{"error":"invalid_grant"}"#)] {
        let platform = Platform::start(manner).await;
        let visit = platform.provider.consent(&platform.begin("gmail").await);
        let callback = Callback::with_code("gmail", visit.state.clone(), visit.code);
        let debug = format!("{callback:?}");
        assert!(!debug.contains(CANARY) && !debug.contains(&visit.state), "{debug}");
        let told = told(&refused(platform.flows.finish(callback, None, now()).await));
        let verifier = &platform.provider.calls()[0].form["code_verifier"];
        assert!(!told.contains(&visit.state) && !told.contains(verifier), "{told}");
    }
}
