//! Language models, in the two protocols.

use serde_json::{Value, json};
use wren_core::ErrorCode;

use crate::support::{CANARY, Server, Setup, answer, is};

const ANTHROPIC: &str = r#"{"content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "Four"},
    {"type": "text", "text": " it is"}], "stop_reason": "end_turn"}"#;
const OPENAI: &str = r#"{"choices": [{"message": {"role": "assistant", "content": "Vier"}, "finish_reason": "stop"}]}"#;

async fn says(body: &'static str) -> Server {
    Server::start(move |_| answer(200, &[("content-type", "application/json")], body)).await
}

async fn setup(server: &Server, integration: &str) -> Setup {
    Setup::new(&[server]).at(integration, server).with_secret(integration, CANARY).await
}

fn question() -> Value {
    json!({"prompt": "2 + 2?", "input": null, "model": null, "system": null, "max_tokens": null, "json": false})
}

#[tokio::test]
async fn anthropic_is_asked_in_its_protocol() {
    let server = says(ANTHROPIC).await;
    let script = setup(&server, "anthropic").await.script();
    assert_eq!(script.ask("ai.complete", question()).await.unwrap().0, json!({"text": "Four it is"}));
    let mut args = json!({"prompt": "Sum", "input": {"a": [1]}, "model": "claude-x", "system": "Be brief"});
    (args["max_tokens"], args["json"]) = (json!(7), json!(true));
    script.ask("ai.complete", args).await.unwrap();

    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].uri.path()), ("POST", "/v1/messages"));
    assert_eq!(seen[0].header("x-api-key"), Some(CANARY));
    assert_eq!(seen[0].header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(
        seen[0].json(),
        json!({"model": "claude-sonnet-4-5", "max_tokens": 4096, "messages": [{"role": "user", "content": "2 + 2?"}]})
    );
    let body = seen[1].json();
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("claude-x"), &json!(7)));
    assert!(body["system"].as_str().unwrap().starts_with("Be brief\n\nAnswer with one JSON value"), "{body}");
    let content = body["messages"][0]["content"].as_str().unwrap();
    assert_eq!(content, "Sum\n\n<input>\n{\n  \"a\": [\n    1\n  ]\n}\n</input>");
}

#[tokio::test]
async fn openai_is_asked_in_its_protocol() {
    let server = says(OPENAI).await;
    let script = setup(&server, "openai").await.script();
    assert_eq!(script.ask("ai.complete", question()).await.unwrap().0, json!({"text": "Vier"}));
    let mut args = json!({"prompt": "Sum", "input": "one", "model": "openai/org/model", "system": "Be brief"});
    args["max_tokens"] = json!(7);
    script.ask("ai.complete", args).await.unwrap();

    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].uri.path()), ("POST", "/v1/chat/completions"));
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
    let messages = json!([{"role": "user", "content": "2 + 2?"}]);
    assert_eq!(seen[0].json(), json!({"model": "gpt-4.1-mini", "messages": messages}));
    let messages = json!([{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Sum\n\n<input>\none\n</input>"}]);
    // A server that is not OpenAI's own knows the limit by its first name.
    assert_eq!(seen[1].json(), json!({"model": "org/model", "messages": messages, "max_tokens": 7}));
}

#[tokio::test]
async fn the_first_one_that_is_configured_answers() {
    let (anthropic, openai) = (says(ANTHROPIC).await, says(OPENAI).await);
    let both = || async {
        let setup = Setup::new(&[&anthropic, &openai]).at("anthropic", &anthropic).at("openai", &openai);
        setup.with_secret("anthropic", CANARY).await.with_secret("openai", CANARY).await
    };
    let script = both().await.script();
    assert_eq!(script.ask("ai.complete", question()).await.unwrap().0["text"], "Four it is");
    let named = json!({"prompt": "2 + 2?", "model": "openai/gpt-x"});
    assert_eq!(script.ask("ai.complete", named).await.unwrap().0["text"], "Vier");
    let mut setup = both().await;
    setup.options.ai.order.reverse();
    assert_eq!(setup.script().ask("ai.complete", question()).await.unwrap().0["text"], "Vier");

    let error = is(Setup::new(&[]).script().ask("ai.complete", question()).await, ErrorCode::IntegrationNotConfigured);
    assert_eq!(error.action_url(), Some("https://wrens.ie/integrations/anthropic/setup"));
    assert!(error.hint().unwrap().contains("anthropic, openai"), "{error:?}");
}

#[tokio::test]
async fn a_providers_refusal_is_told_clearly() {
    for (status, body, code, part) in [
        (429, r#"{"error": {"message": "slow down"}}"#, ErrorCode::RateLimited, "slow down"),
        (529, r#"{"type": "error", "error": {"message": "Overloaded"}}"#, ErrorCode::RateLimited, "overloaded"),
        (503, "", ErrorCode::RateLimited, "overloaded"),
        (429, r#"{"error": {"message": "pay", "code": "insufficient_quota"}}"#, ErrorCode::QuotaExceeded, "used up"),
        (402, "", ErrorCode::QuotaExceeded, "paid"),
        (400, r#"{"error": {"message": "too many tokens"}}"#, ErrorCode::InvalidRequest, "too many tokens"),
        (404, r#"{"error": {"message": "no such model"}}"#, ErrorCode::InvalidRequest, "no such model"),
        (403, "", ErrorCode::PermissionDenied, "does not allow"),
        (500, "<html>", ErrorCode::InvalidRequest, "fault"),
        (401, "", ErrorCode::OauthTokenExpired, ""),
        (400, r#"{"error": {"message": "key canary-7f3a/+x"}}"#, ErrorCode::InvalidRequest, "[redacted"),
        (200, "{}", ErrorCode::InvalidRequest, "without a text"),
        (200, r#"{"content": [], "stop_reason": "refusal"}"#, ErrorCode::InvalidRequest, "refuses"),
        (
            200,
            r#"{"choices": [{"message": {"content": null, "refusal": "no"}}]}"#,
            ErrorCode::InvalidRequest,
            "refuses",
        ),
        (200, r#"{"content": [], "stop_reason": "max_tokens"}"#, ErrorCode::InvalidRequest, "tokens"),
    ] {
        let server = Server::start(move |_| answer(status, &[("retry-after", "17")], body)).await;
        for integration in ["anthropic", "openai"] {
            let script = setup(&server, integration).await.script();
            let error = is(script.ask("ai.complete", question()).await, code);
            assert!(error.message().contains(part), "{status} {error}");
            assert_eq!(
                error.retryable(),
                matches!(status, 500.. | 429) && code != ErrorCode::QuotaExceeded || body == "{}"
            );
            if code == ErrorCode::RateLimited {
                assert_eq!(error.details()["retry_after"], 17);
            }
        }
    }
}

#[tokio::test]
async fn a_question_that_is_none_is_refused() {
    let server = says(ANTHROPIC).await;
    let script = setup(&server, "anthropic").await.script();
    for (key, value) in [
        ("prompt", json!(null)),
        ("prompt", json!(" ")),
        ("prompt", json!(1)),
        ("system", json!(1)),
        ("model", json!(["m"])),
        ("max_tokens", json!(0)),
        ("max_tokens", json!("7")),
        ("json", json!("yes")),
    ] {
        let mut args = question();
        args[key] = value;
        is(script.ask("ai.complete", args).await, ErrorCode::InvalidRequest);
    }
    assert!(server.seen().is_empty());
}
