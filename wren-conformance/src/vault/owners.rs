//! Owners: nobody sees anything of anybody else.

use wren_core::ErrorCode;
use wren_core::vault::NewCredential;

use super::VaultUnderTest;
use super::harness::refused;
use crate::fixtures::{NOW, ada, owner};

pub async fn a_stranger_sees_and_changes_nothing(test: VaultUnderTest) {
    let eve = owner("eve");
    test.put(&ada(), NewCredential::new("slack", "canary").with_refresh_token("canary-r"), NOW).await;
    assert_eq!(test.status(&eve, "slack").await, None);
    assert_eq!(test.vault.list(&eve, NOW).await.unwrap(), []);
    for result in [
        test.access(&eve, "slack", NOW).await,
        test.field(&eve, "slack", "refresh_token").await,
        test.refresh(&eve, "slack", "canary", NOW).await,
    ] {
        assert_eq!(refused(result, &["canary"]), ErrorCode::IntegrationNotConfigured);
    }
    assert!(!test.vault.delete(&eve, "slack").await.unwrap());
    assert_eq!(test.put(&eve, NewCredential::new("slack", "hers"), NOW).await, 1);
    assert_eq!(test.access(&ada(), "slack", NOW).await.unwrap(), "canary");
    assert_eq!(test.access(&eve, "slack", NOW).await.unwrap(), "hers");
}

pub async fn owners_with_odd_names_do_not_meet(test: VaultUnderTest) {
    let owners = [".", "..", "...", "a", "a.", "a@b.example", "A", "-", "o-a"].map(owner);
    let integrations = ["..", ".", "slack", "i-slack"];
    for owner in &owners {
        for integration in integrations {
            test.put(owner, NewCredential::new(integration, format!("{owner} {integration}")), NOW).await;
        }
    }
    for owner in &owners {
        assert_eq!(test.vault.list(owner, NOW).await.unwrap().len(), integrations.len());
        for integration in integrations {
            assert_eq!(test.access(owner, integration, NOW).await.unwrap(), format!("{owner} {integration}"));
        }
    }
}
