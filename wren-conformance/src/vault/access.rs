//! Taking secrets out.

use wren_core::ErrorCode;
use wren_core::vault::{NewCredential, REFRESH_TOKEN_FIELD, SECRET_FIELD};

use super::VaultUnderTest;
use super::harness::refused;
use crate::fixtures::{NOW, ada, at};

pub async fn a_secret_is_handed_out_until_it_ends(test: VaultUnderTest) {
    test.put(&ada(), NewCredential::new("gmail", "ya29.canary").with_expiry(at(30)), NOW).await;
    assert_eq!(test.access(&ada(), "gmail", at(29)).await.unwrap(), "ya29.canary");
    for after in [30, 31, 1_000_000] {
        let code = refused(test.access(&ada(), "gmail", at(after)).await, &["ya29.canary"]);
        assert_eq!(code, ErrorCode::OauthTokenExpired);
    }
    assert!(test.status(&ada(), "gmail").await.unwrap().is_expired(at(30)));
}

pub async fn a_field_is_handed_out_by_its_name(test: VaultUnderTest) {
    let credential = NewCredential::new("slack", "xoxb").with_refresh_token("xoxe").with_field("user_token", "xoxp");
    test.put(&ada(), credential.with_field("signing.secret", "8f742231"), NOW).await;
    for (field, secret) in [
        (SECRET_FIELD, "xoxb"),
        (REFRESH_TOKEN_FIELD, "xoxe"),
        ("user_token", "xoxp"),
        ("signing.secret", "8f742231"),
    ] {
        assert_eq!(test.field(&ada(), "slack", field).await.unwrap(), secret);
    }
}

pub async fn a_field_that_is_not_there_is_not_found(test: VaultUnderTest) {
    test.put(&ada(), NewCredential::new("slack", "canary"), NOW).await;
    for field in ["user_token", REFRESH_TOKEN_FIELD] {
        assert_eq!(refused(test.field(&ada(), "slack", field).await, &["canary"]), ErrorCode::NotFound);
    }
}

pub async fn what_has_no_credential_is_not_configured(test: VaultUnderTest) {
    assert_eq!(test.status(&ada(), "gmail").await, None);
    assert_eq!(refused(test.field(&ada(), "gmail", SECRET_FIELD).await, &[]), ErrorCode::IntegrationNotConfigured);
    assert_eq!(refused(test.refresh(&ada(), "gmail", "x", NOW).await, &[]), ErrorCode::IntegrationNotConfigured);
    let error = test.access(&ada(), "gmail", NOW).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
    assert!(error.action_url().is_some_and(|url| url.ends_with("/integrations/gmail/setup")));
}

pub async fn an_integration_that_the_directory_does_not_know_may_have_a_credential(test: VaultUnderTest) {
    test.put(&ada(), NewCredential::new("acme-crm", "key"), NOW).await;
    assert_eq!(test.access(&ada(), "acme-crm", NOW).await.unwrap(), "key");
    let code = refused(test.access(&ada(), "acme-erp", NOW).await, &[]);
    assert_eq!(code, ErrorCode::IntegrationNotConfigured);
}

pub async fn nothing_prints_a_secret(test: VaultUnderTest) {
    let secrets = ["canary-secret", "canary-refresh", "canary-field"];
    let credential = NewCredential::new("slack", secrets[0]).with_refresh_token(secrets[1]).with_field("f", secrets[2]);
    let mut shown = format!("{credential:?}");
    test.put(&ada(), credential, NOW).await;
    test.access(&ada(), "slack", NOW).await.unwrap();
    shown += &format!("{:?} {:?} {test:?}", test.vault, test.status(&ada(), "slack").await);
    shown += &format!("{:?}", test.vault.list(&ada(), NOW).await.unwrap());
    for secret in secrets {
        assert!(!shown.contains(secret), "{shown}");
    }
}
