//! `POST /v1/integrations/validate`.

use chrono::TimeDelta;
use serde_json::json;
use wren_core::ErrorCode;
use wren_core::engine::Engine;
use wren_core::memory::{MemoryStore, MemoryVault};
use wren_core::vault::{CredentialVault, NewCredential};

use crate::support::{NOW, World, ada, at};

const PATH: &str = "/v1/integrations/validate";

/// A world in which Ada has connected Slack, and Gmail for three days more.
async fn connected() -> World {
    let mut world = World::new().await;
    let vault = MemoryVault::default();
    vault.put(&ada(), NewCredential::new("slack", "xoxb-1".to_owned()), at(NOW)).await.unwrap();
    let gmail = NewCredential::new("gmail", "ya29".to_owned()).with_expiry(at(NOW) + TimeDelta::days(3));
    vault.put(&ada(), gmail, at(NOW)).await.unwrap();
    world.engine = Engine::builder()
        .store(MemoryStore::new())
        .shared_executor(std::sync::Arc::<crate::support::FakeExecutor>::clone(&world.executor))
        .clock(world.clock.clone())
        .vault(vault)
        .build()
        .unwrap();
    world.router = wren_http::router(wren_http::Api::new(world.engine.clone()));
    world.key = world.key_of(&ada(), &["read"]).await;
    world
}

#[tokio::test]
async fn integrations_that_are_ready_are_the_spec_s_success() {
    let world = connected().await;
    for integrations in [json!([]), json!(["slack"]), json!(["slack", "slack"])] {
        let body = world.post(PATH, &json!({"integrations": integrations})).await.json(200);
        assert_eq!(body, json!({"valid": true, "warnings": []}));
    }
}

#[tokio::test]
async fn an_integration_that_is_not_configured_is_the_spec_s_failure() {
    let world = World::new().await;
    let body = world.post(PATH, &json!({"integrations": ["gmail"]})).await.json(200);
    let expected = json!({
        "valid": false,
        "errors": [{
            "type": "UserFacingConfigError",
            "code": "INTEGRATION_NOT_CONFIGURED",
            "integration": "gmail",
            "message": "Gmail integration not configured",
            "action_url": "https://wrens.ie/integrations/gmail/setup",
            "docs_url": "https://docs.wrens.ie/integrations/gmail",
        }],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn every_fault_is_told_at_once_and_an_unknown_name_with_a_hint() {
    let world = World::new().await;
    let body = world.post(PATH, &json!({"integrations": ["gmial", "slack"]})).await.json(200);
    assert_eq!(body["valid"], false);
    assert_eq!(
        body["errors"][0],
        json!({
            "type": "AgentFixableError",
            "code": "UNKNOWN_INTEGRATION",
            "integration": "gmial",
            "message": "unknown integration `gmial`",
            "hint": "did you mean `gmail`?",
        })
    );
    assert_eq!(body["errors"][1]["code"], "INTEGRATION_NOT_CONFIGURED");
    assert_eq!(body["errors"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_authorisation_that_ends_soon_is_a_warning_and_one_that_has_ended_an_error() {
    let world = connected().await;
    let body = world.post(PATH, &json!({"integrations": ["gmail"]})).await.json(200);
    assert_eq!(body["valid"], true);
    assert!(body["warnings"][0].as_str().unwrap().contains("Gmail"), "{body}");

    world.clock.advance(TimeDelta::days(3));
    let body = world.post(PATH, &json!({"integrations": ["gmail"]})).await.json(200);
    assert_eq!(body["errors"][0]["code"], "OAUTH_TOKEN_EXPIRED");
    assert_eq!(body["errors"][0]["action_url"], "https://wrens.ie/integrations/gmail/reauthorize");
}

#[tokio::test]
async fn more_or_longer_names_than_any_script_has_are_refused_with_the_limit() {
    let world = World::new().await;
    let (names, long) = (vec!["slack"; 101], ["gmail".to_owned(), "é".repeat(33)]);
    for (integrations, message) in [
        (json!(names), "`integrations` has 101 names, and at most 100 are taken"),
        (json!(long), "`integrations[1]` is 66 bytes long, and a name has at most 64"),
    ] {
        let error =
            world.post(PATH, &json!({"integrations": integrations})).await.error(400, ErrorCode::InvalidRequest);
        assert_eq!(error["message"], message);
    }
    world.post(PATH, &json!({"integrations": names[..100]})).await.json(200);
    let longest = json!({"integrations": ["x".repeat(64)]});
    assert_eq!(world.post(PATH, &longest).await.json(200)["errors"][0]["code"], "UNKNOWN_INTEGRATION");
}
