//! The broker in front of the conformance suite's Slack and language models: both sides read the services' documents alike.

use serde_json::{Value, json};
use wren_conformance::services::{Ai, Slack};
use wren_core::ErrorCode;

use crate::support::{CANARY, Setup, is};

#[tokio::test]
async fn slack_is_posted_to_changed_reacted_to_and_read() {
    let slack = Slack::start(CANARY);
    let setup = Setup::new(&[]).private(&slack.url()).at_url("slack", &slack.url());
    let script = setup.with_secret("slack", CANARY).await.script();
    let call = async |action: &str, args: Value| {
        script.ask("integration.call", json!({"integration": "slack", "action": action, "args": args})).await
    };
    let posted = call("post", json!({"channel": "#general", "text": "hé"})).await.unwrap().0;
    assert_eq!(posted["channel"], "C1");
    let answer = json!({"channel": "C1", "text": "again", "thread_ts": posted["ts"]});
    call("post", answer).await.unwrap();
    call("update", json!({"channel": "C1", "ts": posted["ts"], "text": "hello"})).await.unwrap();
    let reaction = json!({"channel": "C1", "ts": posted["ts"], "emoji": "wave"});
    call("react", reaction.clone()).await.unwrap();
    assert!(is(call("react", reaction).await, ErrorCode::InvalidRequest).message().contains("already_reacted"));

    let read = call("history", json!({"channel": "C1", "limit": 5})).await.unwrap().0;
    assert_eq!((&read[0]["text"], &read[1]["text"]), (&json!("again"), &json!("hello")));
    assert_eq!((&read[0]["thread_ts"], &read[1]["reactions"][0]["name"]), (&posted["ts"], &json!("wave")));
    assert_eq!(read.as_array().unwrap(), &slack.messages("C1").into_iter().rev().collect::<Vec<_>>());
    is(call("post", json!({"channel": "#none", "text": "x"})).await, ErrorCode::InvalidRequest);

    let stranger = Setup::new(&[]).private(&slack.url()).at_url("slack", &slack.url());
    let stranger = stranger.with_secret("slack", "another").await.script();
    let request = json!({"integration": "slack", "action": "post", "args": {"channel": "C1", "text": "x"}});
    is(stranger.ask("integration.call", request).await, ErrorCode::OauthTokenExpired);
}

#[tokio::test]
async fn a_model_is_asked_in_either_protocol() {
    for provider in ["openai", "anthropic"] {
        let ai = Ai::start(CANARY, |question| format!("{}: {} ({})", question.model, question.prompt, question.system));
        let setup = Setup::new(&[]).private(&ai.url()).at_url(provider, &ai.url());
        let script = setup.with_secret(provider, CANARY).await.script();
        let asked = json!({"prompt": "Say hé", "model": "m", "system": "Be brief."});
        let said = script.ask("ai.complete", asked).await.unwrap().0;
        assert_eq!(said, json!({"text": "m: Say hé (Be brief.)"}), "{provider}");
        assert_eq!(ai.requests().len(), 1);

        let echo = Ai::start_echo("another");
        let setup = Setup::new(&[]).private(&echo.url()).at_url(provider, &echo.url());
        let script = setup.with_secret(provider, CANARY).await.script();
        is(script.ask("ai.complete", json!({"prompt": "x"})).await, ErrorCode::OauthTokenExpired);
    }
}
