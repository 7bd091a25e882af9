//! Whether services still take credentials, in front of servers that say no in their own words.

use chrono::{DateTime, Utc};
use wren_core::ErrorCode;
use wren_core::integration::{IntegrationProbe as _, IntegrationReport};
use wren_core::vault::CredentialStatus;

use crate::support::{CANARY, Server, Setup, ada, answer};

const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";

fn status(integration: &str, scopes: &[&str]) -> CredentialStatus {
    CredentialStatus {
        integration: integration.to_owned(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires_at: None::<DateTime<Utc>>,
        renewable: false,
        version: 1,
    }
}

async fn says(status: u16, headers: &'static [(&'static str, &'static str)], body: &'static str) -> Server {
    Server::start(move |_| answer(status, headers, body)).await
}

async fn probe(server: &Server, credential: &CredentialStatus) -> IntegrationReport {
    let name = credential.integration.as_str();
    let script = Setup::new(&[server]).at(name, server).with_secret(name, CANARY).await.script();
    let report = script.broker.probe(&ada(), credential).await;
    assert!(!format!("{report:?}").contains(CANARY), "{report:?}");
    report
}

#[tokio::test]
async fn a_credential_that_is_taken_is_good_for_a_minute() {
    let server = says(200, &[], "{}").await;
    let script = Setup::new(&[&server]).at("gmail", &server).with_secret("gmail", CANARY).await.script();
    for _ in 0..3 {
        let report = script.broker.probe(&ada(), &status("gmail", &[MODIFY])).await;
        assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report:?}");
    }
    let seen = server.only();
    assert_eq!((seen.method.as_str(), seen.uri.path()), ("GET", "/gmail/v1/users/me/profile"));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {CANARY}").as_str()));

    // Another credential is another question.
    let renewed = CredentialStatus { version: 2, ..status("gmail", &[MODIFY]) };
    script.broker.probe(&ada(), &renewed).await;
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn what_only_the_user_can_mend_is_an_error_with_a_link() {
    for (integration, answers, code) in [
        ("gmail", (401, r#"{"error": {"code": 401}}"#), ErrorCode::OauthTokenExpired),
        ("openai", (401, r#"{"error": {"code": "invalid_api_key"}}"#), ErrorCode::OauthTokenExpired),
        ("slack", (200, r#"{"ok": false, "error": "token_revoked"}"#), ErrorCode::OauthTokenExpired),
        ("slack", (200, r#"{"ok": false, "error": "missing_scope", "needed": "x"}"#), ErrorCode::OauthScopeMissing),
        ("gmail", (403, r#"{"error": {"errors": [{"reason": "domainPolicy"}]}}"#), ErrorCode::PermissionDenied),
        ("gmail", (403, r#"{"error": {"errors": [{"reason": "dailyLimitExceeded"}]}}"#), ErrorCode::QuotaExceeded),
        ("openai", (429, r#"{"error": {"type": "insufficient_quota"}}"#), ErrorCode::QuotaExceeded),
    ] {
        let server = says(answers.0, &[], answers.1).await;
        let report = probe(&server, &status(integration, &[])).await;
        let [error] = report.errors.as_slice() else { panic!("{integration} {answers:?}: {report:?}") };
        assert_eq!(error.code(), code, "{integration} {answers:?}");
        assert_eq!(error.details()["integration"], integration);
        assert!(error.action_url().is_some_and(|url| url.contains(integration)), "{error:?}");
    }
}

#[tokio::test]
async fn what_may_pass_is_a_warning() {
    for (status_code, body) in [(500, ""), (429, "{}"), (404, "not here"), (302, "")] {
        let server = says(status_code, &[], body).await;
        let report = probe(&server, &status("gmail", &[MODIFY])).await;
        assert!(report.errors.is_empty(), "{report:?}");
        assert!(report.warnings[0].contains("Gmail could not be asked"), "{report:?}");
    }
    let script = Setup::new(&[]).private("http://127.0.0.1:9").at_url("gmail", "http://127.0.0.1:9");
    let script = script.with_secret("gmail", CANARY).await.script();
    let report = script.broker.probe(&ada(), &status("gmail", &[MODIFY])).await;
    assert!(report.errors.is_empty() && report.warnings.len() == 1, "{report:?}");
}

#[tokio::test]
async fn scopes_have_to_be_enough() {
    let server = says(200, &[], "{}").await;
    let too_few = probe(&server, &status("gmail", &["https://www.googleapis.com/auth/gmail.send"])).await;
    assert_eq!(too_few.errors[0].code(), ErrorCode::OauthScopeMissing);
    assert_eq!(too_few.errors[0].details()["scopes"][0], MODIFY);
    assert!(server.seen().is_empty(), "what is known is not asked");

    for scopes in [&[MODIFY][..], &["https://mail.google.com/"], &[]] {
        assert!(probe(&server, &status("gmail", scopes)).await.errors.is_empty(), "{scopes:?}");
    }
    let without = probe(&says(200, &[], r#"{"ok": true}"#).await, &status("slack", &["chat:write"])).await;
    assert!(without.errors.is_empty() && without.warnings[0].contains("reactions:write"), "{without:?}");
}

#[tokio::test]
async fn a_service_may_know_the_scopes_better() {
    let headers: &[_] = &[("X-OAuth-Scopes", "channels:read, users:read")];
    let server = says(200, headers, r#"{"ok": true}"#).await;
    let report = probe(&server, &status("slack", &[])).await;
    assert_eq!(report.errors[0].code(), ErrorCode::OauthScopeMissing);
    assert_eq!(server.only().uri.path(), "/api/auth.test");
}

#[tokio::test]
async fn what_the_catalogue_has_no_probe_for_is_not_asked() {
    let server = says(500, &[], "").await;
    let script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    let report = script.broker.probe(&ada(), &status("crm", &[])).await;
    assert!(report.errors.is_empty() && report.warnings.is_empty() && server.seen().is_empty());
}
