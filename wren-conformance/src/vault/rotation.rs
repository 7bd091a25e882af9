//! Rotation: nothing that was kept is lost by it.

use std::sync::Arc;

use wren_core::vault::NewCredential;

use super::VaultUnderTest;
use crate::fixtures::{NOW, ada, at, owner};

pub async fn everything_opens_after_a_rotation(test: VaultUnderTest) {
    let owners = ["ada", "bob", "eve"].map(owner);
    for owner in &owners {
        for integration in ["gmail", "slack", "gone"] {
            let credential = NewCredential::new(integration, format!("{owner} {integration}"));
            test.put(owner, credential.with_field("other", format!("{owner} {integration} 2")), NOW).await;
        }
        assert!(test.vault.delete(owner, "gone").await.unwrap());
    }
    for round in 1..=3 {
        assert_eq!(test.vault.rotate(at(round)).await.unwrap(), 6);
        for owner in &owners {
            assert_eq!(test.vault.list(owner, NOW).await.unwrap().len(), 2);
            for integration in ["gmail", "slack"] {
                assert_eq!(test.access(owner, integration, NOW).await.unwrap(), format!("{owner} {integration}"));
                let other = test.field(owner, integration, "other").await.unwrap();
                assert_eq!(other, format!("{owner} {integration} 2"));
                assert_eq!(test.status(owner, integration).await.unwrap().version, 1);
            }
        }
    }
    assert_eq!(test.put(&owners[0], NewCredential::new("gone", "back"), NOW).await, 2);
}

pub async fn a_rotation_of_nothing_is_none(test: VaultUnderTest) {
    assert_eq!(test.vault.rotate(NOW).await.unwrap(), 0);
    test.put(&ada(), NewCredential::new("slack", "x"), NOW).await;
    assert!(test.vault.delete(&ada(), "slack").await.unwrap());
    assert_eq!(test.vault.rotate(NOW).await.unwrap(), 0);
}

pub async fn what_is_put_during_a_rotation_is_kept(test: VaultUnderTest) {
    let test = Arc::new(test);
    for name in 0..8 {
        test.put(&ada(), NewCredential::new(format!("integration-{name}"), "old"), NOW).await;
    }
    let rotating = tokio::spawn({
        let test = Arc::clone(&test);
        async move {
            for round in 0..6 {
                test.vault.rotate(at(round)).await.unwrap();
            }
        }
    });
    let mut round = 0;
    while !rotating.is_finished() || round == 0 {
        round += 1;
        for name in 0..8 {
            let (integration, secret) = (format!("integration-{name}"), format!("secret-{name}-{round}"));
            test.put(&ada(), NewCredential::new(integration.as_str(), secret.as_str()), NOW).await;
            assert_eq!(test.access(&ada(), &integration, NOW).await.unwrap(), secret);
        }
        let (first, new) = (owner(&format!("new-{round}")), NewCredential::new("slack", "first"));
        test.put(&first, new, NOW).await;
        assert_eq!(test.access(&first, "slack", NOW).await.unwrap(), "first");
    }
    rotating.await.unwrap();
    test.vault.rotate(NOW).await.unwrap();
    for name in 0..8 {
        let secret = test.access(&ada(), &format!("integration-{name}"), NOW).await.unwrap();
        assert_eq!(secret, format!("secret-{name}-{round}"));
    }
    for round in 1..=round {
        assert_eq!(test.access(&owner(&format!("new-{round}")), "slack", NOW).await.unwrap(), "first");
    }
}
