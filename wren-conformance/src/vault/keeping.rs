//! Keeping: what is put is there until it is replaced or deleted.

use wren_core::ErrorCode;
use wren_core::vault::NewCredential;

use super::VaultUnderTest;
use super::harness::refused;
use crate::fixtures::{NOW, ada, at};

pub async fn a_credential_reads_back_as_it_was_put(test: VaultUnderTest) {
    let scopes = vec!["chat:write".to_owned(), "channels:read".to_owned()];
    let credential = NewCredential::new("slack", "xoxb-1").with_scopes(scopes.clone()).with_expiry(at(3_600));
    assert_eq!(test.put(&ada(), credential.with_refresh_token("xoxe-1"), NOW).await, 1);
    assert_eq!(test.access(&ada(), "slack", NOW).await.unwrap(), "xoxb-1");
    let status = test.status(&ada(), "slack").await.unwrap();
    assert_eq!((status.integration.as_str(), status.version), ("slack", 1));
    assert_eq!((status.scopes, status.expires_at, status.renewable), (scopes, Some(at(3_600)), true));
}

pub async fn a_put_replaces_all_of_the_credential(test: VaultUnderTest) {
    let first = NewCredential::new("slack", "one").with_refresh_token("r").with_field("signing", "s");
    test.put(&ada(), first.with_scopes(vec!["a".into()]).with_expiry(at(3_600)), NOW).await;
    assert_eq!(test.put(&ada(), NewCredential::new("slack", "two"), NOW).await, 2);
    assert_eq!(test.access(&ada(), "slack", NOW).await.unwrap(), "two");
    for field in ["refresh_token", "signing"] {
        assert_eq!(refused(test.field(&ada(), "slack", field).await, &[]), ErrorCode::NotFound);
    }
    let status = test.status(&ada(), "slack").await.unwrap();
    assert_eq!((status.scopes, status.expires_at, status.renewable), (Vec::new(), None, false));
}

pub async fn versions_grow_over_puts_and_deletes(test: VaultUnderTest) {
    for version in 1..=4 {
        assert_eq!(test.put(&ada(), NewCredential::new("slack", "x"), NOW).await, version);
        assert_eq!(test.status(&ada(), "slack").await.unwrap().version, version);
        if version % 2 == 0 {
            assert!(test.vault.delete(&ada(), "slack").await.unwrap());
        }
    }
}

pub async fn a_deleted_credential_is_gone(test: VaultUnderTest) {
    assert!(!test.vault.delete(&ada(), "slack").await.unwrap());
    test.put(&ada(), NewCredential::new("slack", "x"), NOW).await;
    assert!(test.vault.delete(&ada(), "slack").await.unwrap());
    assert!(!test.vault.delete(&ada(), "slack").await.unwrap());
    assert_eq!(test.status(&ada(), "slack").await, None);
    assert_eq!(refused(test.access(&ada(), "slack", NOW).await, &[]), ErrorCode::IntegrationNotConfigured);
    assert_eq!(test.vault.list(&ada(), NOW).await.unwrap(), []);
}

pub async fn a_list_is_sorted_and_has_no_deleted_ones(test: VaultUnderTest) {
    for name in ["slack", "gmail", "a.b", "openai-compatible", "Z", "anthropic"] {
        test.put(&ada(), NewCredential::new(name, name), NOW).await;
    }
    assert!(test.vault.delete(&ada(), "gmail").await.unwrap());
    let list = test.vault.list(&ada(), NOW).await.unwrap();
    let names: Vec<&str> = list.iter().map(|status| status.integration.as_str()).collect();
    assert_eq!(names, ["Z", "a.b", "anthropic", "openai-compatible", "slack"]);
    assert!(list.iter().all(|status| status.version == 1));
}

pub async fn odd_secrets_are_kept_exactly(test: VaultUnderTest) {
    let long = "0123456789abcdef".repeat(2_048);
    for secret in ["", " ", "\n", "ключ-鍵-🔑", "\"}\\u0000{", "\u{0}\u{7f}", long.as_str()] {
        test.put(&ada(), NewCredential::new("slack", secret).with_field("other", secret), NOW).await;
        assert_eq!(test.access(&ada(), "slack", NOW).await.unwrap(), secret);
        assert_eq!(test.field(&ada(), "slack", "other").await.unwrap(), secret);
    }
}
