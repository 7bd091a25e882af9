//! What the memory vault promises beyond the suite of all vaults.

use chrono::TimeDelta;
use secrecy::ExposeSecret;

use super::*;

fn ada() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

fn purpose() -> AccessPurpose {
    AccessPurpose::new("http.request")
}

#[tokio::test]
async fn a_credential_is_its_owners_alone() {
    let (vault, now) = (MemoryVault::new(), Utc::now());
    let bob = OwnerId::new("bob").unwrap();
    vault.put(&ada(), NewCredential::new("slack", "xoxb"), now).await.unwrap();
    assert_eq!(vault.access(&ada(), "slack", purpose(), now).await.unwrap().expose_secret(), "xoxb");
    let error = vault.access(&bob, "slack", purpose(), now).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrationNotConfigured);
    assert!(error.action_url().is_some());
    assert_eq!(vault.list(&bob, now).await.unwrap(), []);
    assert!(!vault.delete(&bob, "slack").await.unwrap());
    assert_eq!(vault.list(&ada(), now).await.unwrap().len(), 1);
}

#[tokio::test]
async fn versions_grow_over_puts_and_deletes() {
    let (vault, now) = (MemoryVault::new(), Utc::now());
    for version in 1..=3 {
        assert_eq!(vault.put(&ada(), NewCredential::new("slack", "x"), now).await.unwrap(), version);
        assert_eq!(vault.status(&ada(), "slack", now).await.unwrap().unwrap().version, version);
        assert!(vault.delete(&ada(), "slack").await.unwrap());
        assert_eq!(vault.status(&ada(), "slack", now).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_ended_credential_is_not_handed_out() {
    let (vault, now) = (MemoryVault::new(), Utc::now());
    let credential = NewCredential::new("gmail", "ya29").with_expiry(now);
    vault.put(&ada(), credential, now).await.unwrap();
    let error = vault.access(&ada(), "gmail", purpose(), now).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::OauthTokenExpired);
    assert!(vault.access(&ada(), "gmail", purpose(), now - TimeDelta::seconds(1)).await.is_ok());
}

#[test]
fn nothing_prints_a_secret() {
    assert_eq!(format!("{:?}", MemoryVault::new()), "MemoryVault { .. }");
    assert!(!format!("{:?}", NewCredential::new("slack", "xoxb")).contains("xoxb"));
}
