//! What the SDK's `slack` asks, in front of a server that speaks Slack's Web API.

use serde_json::{Value, json};
use wren_core::ErrorCode;

use crate::support::{Answer, CANARY, Server, Setup, answer, is};

async fn says(status: u16, headers: &'static [(&'static str, &'static str)], body: &'static str) -> Server {
    Server::start(move |_| answer(status, headers, body)).await
}

async fn call(server: &Server, action: &str, args: Value) -> wren_core::Result<Answer> {
    let script = Setup::new(&[server]).at("slack", server).with_secret("slack", CANARY).await.script();
    let request = json!({"integration": "slack", "action": action, "args": args});
    script.ask("integration.call", request).await
}

#[tokio::test]
async fn messages_are_posted_changed_and_reacted_to() {
    let server = says(200, &[], r#"{"ok": true, "channel": "C1", "ts": "1.2", "message": {}}"#).await;
    let post = json!({"channel": "#general", "text": "hé", "blocks": null, "thread_ts": "0.9"});
    assert_eq!(call(&server, "post", post).await.unwrap().0, json!({"channel": "C1", "ts": "1.2"}));
    let update = json!({"channel": "C1", "ts": "1.2", "text": "", "blocks": [{"type": "divider"}]});
    call(&server, "update", update).await.unwrap();
    let react = json!({"channel": "C1", "ts": "1.2", "emoji": "thumbsup"});
    assert_eq!(call(&server, "react", react).await.unwrap().0, Value::Null);

    let seen = server.seen();
    let bodies = [
        ("/api/chat.postMessage", json!({"channel": "#general", "text": "hé", "thread_ts": "0.9"})),
        ("/api/chat.update", json!({"channel": "C1", "ts": "1.2", "text": "", "blocks": [{"type": "divider"}]})),
        ("/api/reactions.add", json!({"channel": "C1", "timestamp": "1.2", "name": "thumbsup"})),
    ];
    for (seen, (path, body)) in seen.iter().zip(bodies) {
        assert_eq!((seen.method.as_str(), seen.uri.path(), seen.json()), ("POST", path, body));
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_channel_is_read() {
    let server =
        says(200, &[], r#"{"ok": true, "messages": [{"ts": "2", "text": "b"}, {"ts": "1", "text": "a"}]}"#).await;
    let found = call(&server, "history", json!({"channel": "C1&x=", "limit": 2})).await.unwrap().0;
    assert_eq!(found, json!([{"ts": "2", "text": "b"}, {"ts": "1", "text": "a"}]));
    let seen = server.only();
    assert_eq!(seen.uri.to_string(), "/api/conversations.history?channel=C1%26x%3D&limit=2");
}

#[tokio::test]
async fn what_slack_refuses_says_why() {
    for (status, headers, body, code, part) in [
        (
            200,
            &[][..],
            r#"{"ok": false, "error": "channel_not_found"}"#,
            ErrorCode::InvalidRequest,
            "channel_not_found",
        ),
        (200, &[], r#"{"ok": false, "error": "<script>"}"#, ErrorCode::InvalidRequest, "did not carry out"),
        (200, &[], "not JSON", ErrorCode::InvalidRequest, "did not carry out"),
        (503, &[], "", ErrorCode::InvalidRequest, "status 503"),
        (429, &[("retry-after", "30")], r#"{"ok": false, "error": "ratelimited"}"#, ErrorCode::RateLimited, "limits"),
        (
            200,
            &[],
            r#"{"ok": false, "error": "missing_scope", "needed": "chat:write"}"#,
            ErrorCode::OauthScopeMissing,
            "",
        ),
        (200, &[], r#"{"ok": false, "error": "token_revoked"}"#, ErrorCode::OauthTokenExpired, ""),
    ] {
        let server = says(status, headers, body).await;
        let error = is(call(&server, "post", json!({"channel": "#x", "text": "hi"})).await, code);
        assert!(error.message().contains(part), "{status} {body}: {error}");
        assert!(!error.message().contains("<script>"), "{error}");
        if status == 429 {
            assert_eq!(error.details()["retry_after"], 30);
        }
    }
}

#[tokio::test]
async fn a_wrong_call_is_not_sent() {
    let server = says(200, &[], r#"{"ok": true}"#).await;
    for (action, args) in [
        ("post", json!({"text": "hi"})),
        ("post", json!({"channel": "#x", "text": ""})),
        ("post", json!({"channel": "#x", "blocks": "no list"})),
        ("update", json!({"channel": "#x", "text": "hi"})),
        ("react", json!({"channel": "#x", "ts": "1"})),
        ("history", json!({"channel": "C1", "limit": 0})),
        ("history", json!({"channel": "C1", "limit": 1000})),
        ("delete", json!({"channel": "C1"})),
        ("post", json!([])),
    ] {
        is(call(&server, action, args).await, ErrorCode::InvalidRequest);
    }
    assert!(server.seen().is_empty());
}
