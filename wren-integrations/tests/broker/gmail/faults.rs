//! What Gmail refuses, and what it answers when it is unwell.

use serde_json::{Value, json};
use wren_conformance::services::{Gmail, Reply};
use wren_core::ErrorCode;

use super::{Mailbox, mail};
use crate::support::{CANARY, Setup, silent};

fn google(code: u16, reason: &str) -> String {
    let message = "what Google says of ada@example.com";
    json!({"error": {"code": code, "message": message, "errors": [{"message": message, "reason": reason}]}}).to_string()
}

#[tokio::test]
async fn a_refusal_says_who_must_act() {
    let mailbox = Mailbox::open().await;
    let status = |code: u16, status: &str| json!({"error": {"code": code, "status": status}}).to_string();
    for (code, body, expected, part) in [
        (400, google(400, "failedPrecondition"), ErrorCode::InvalidRequest, "400: failedPrecondition"),
        (400, google(400, "<script>"), ErrorCode::InvalidRequest, "status 400"),
        (400, status(400, "INVALID_ARGUMENT"), ErrorCode::InvalidRequest, "400: INVALID_ARGUMENT"),
        (400, "not JSON".to_owned(), ErrorCode::InvalidRequest, "status 400"),
        (403, google(403, "insufficientPermissions"), ErrorCode::OauthScopeMissing, "leave"),
        (403, google(403, "rateLimitExceeded"), ErrorCode::RateLimited, "limits"),
        (403, google(403, "userRateLimitExceeded"), ErrorCode::RateLimited, "limits"),
        (403, google(403, "dailyLimitExceeded"), ErrorCode::QuotaExceeded, "dailyLimitExceeded"),
        (403, google(403, "accessNotConfigured"), ErrorCode::PermissionDenied, "accessNotConfigured"),
        (429, google(429, "quotaExceeded"), ErrorCode::QuotaExceeded, "quotaExceeded"),
        (429, google(429, "rateLimitExceeded"), ErrorCode::RateLimited, "limits"),
        (429, String::new(), ErrorCode::RateLimited, "limits"),
        (500, google(500, "backendError"), ErrorCode::InvalidRequest, "status 500"),
        (503, "<html>".to_owned(), ErrorCode::InvalidRequest, "status 503"),
        (200, "not JSON".to_owned(), ErrorCode::InvalidRequest, "not one of its API"),
        (200, "[]".to_owned(), ErrorCode::InvalidRequest, "not one of its API"),
        (304, String::new(), ErrorCode::InvalidRequest, "not one of its API"),
    ] {
        mailbox.gmail.fail_next(code, &body);
        let error = silent(mailbox.call("inbox", json!({"limit": 1})).await.expect_err(&body));
        assert_eq!(error.code(), expected, "{code} {body}: {error}");
        assert!(error.message().contains(part), "{code} {body}: {error}");
        let shown = format!("{error} {:?} {:?}", error.hint(), error.details());
        assert!(!shown.contains("ada@example.com") && !shown.contains("<script>"), "{shown}");
        let is_upstream = matches!(code, 200 | 304 | 500..);
        assert_eq!(error.retryable() && expected == ErrorCode::InvalidRequest, is_upstream, "{code} {body}");
    }
}

#[tokio::test]
async fn when_to_ask_again_is_passed_on() {
    let mailbox = Mailbox::open().await;
    mailbox.gmail.answer_next(Reply::new(429, google(429, "rateLimitExceeded")).with_header("retry-after", "30"));
    let error = mailbox.call("inbox", json!({"limit": 1})).await.unwrap_err();
    assert_eq!(
        (error.details()["retry_after"].clone(), error.details()["integration"].clone()),
        (30.into(), "gmail".into())
    );
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let mailbox = Mailbox::open().await;
    for (action, args) in [
        ("get", json!({"id": "19aa"})),
        ("label", json!({"id": "19aa", "add": ["INBOX"]})),
        ("send", json!({"to": "a@x.org", "subject": "", "reply_to": "19aa"})),
    ] {
        let error = mailbox.call(action, args).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (ErrorCode::NotFound, "message `19aa` not found"), "{action}");
        assert!(error.hint().is_some());
    }
    assert!(mailbox.gmail.sent().is_empty());
}

#[tokio::test]
async fn a_fault_amid_an_inbox_is_the_answer() {
    let mailbox = Mailbox::open().await;
    for _ in 0..20 {
        mailbox.gmail.deliver(&mail("a@x.org", "s", "text"));
    }
    let path = format!("/gmail/v1/users/me/messages/{}", mailbox.gmail.deliver(&mail("a@x.org", "last", "text")));
    mailbox.gmail.answer_next_of(&path, Reply::new(500, google(500, "backendError")));
    let error = mailbox.call("inbox", json!({"limit": 21})).await.unwrap_err();
    assert!(error.retryable(), "{error}");
    assert_eq!(mailbox.call("inbox", json!({"limit": 21})).await.unwrap().as_array().unwrap().len(), 21);
}

#[tokio::test]
async fn a_token_that_is_none_is_the_users_to_renew() {
    let gmail = Gmail::start("another");
    let setup = Setup::new(&[]).private(&gmail.url()).at_url("gmail", &gmail.url());
    let script = setup.with_secret("gmail", CANARY).await.script();
    let request = json!({"integration": "gmail", "action": "inbox", "args": {"limit": 1}});
    let error = script.refusal("integration.call", request).await;
    assert_eq!(error.code(), ErrorCode::OauthTokenExpired);
}

#[tokio::test]
async fn a_call_that_cannot_be_is_refused() {
    let mailbox = Mailbox::open().await;
    let error = mailbox.call("delete", json!({})).await.unwrap_err();
    assert_eq!(error.message(), "`gmail` has no action `delete` on this platform");
    for args in [json!([]), json!("x"), json!(7)] {
        assert_eq!(mailbox.call("inbox", args).await.unwrap_err().code(), ErrorCode::InvalidRequest);
    }
    for action in ["inbox", "get", "send", "label"] {
        assert_eq!(mailbox.call(action, Value::Null).await.unwrap_err().code(), ErrorCode::InvalidRequest, "{action}");
    }
    assert!(mailbox.gmail.requests().is_empty());

    let script = Setup::new(&[]).script();
    let request = json!({"integration": "gmail", "action": "inbox", "args": {"limit": 1}});
    assert_eq!(script.refusal("integration.call", request).await.code(), ErrorCode::IntegrationNotConfigured);
}
