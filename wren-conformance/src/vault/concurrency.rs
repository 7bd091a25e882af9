//! Many writers at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;
use wren_core::vault::NewCredential;

use super::VaultUnderTest;
use crate::fixtures::{NOW, ada, owner};

pub async fn concurrent_puts_have_versions_of_their_own_and_the_last_one_stays(test: VaultUnderTest) {
    let (test, mut writers) = (Arc::new(test), JoinSet::new());
    for writer in 0..16 {
        let test = Arc::clone(&test);
        writers.spawn(async move {
            let secret = format!("secret-{writer}");
            (test.put(&ada(), NewCredential::new("slack", secret.as_str()), NOW).await, secret)
        });
    }
    let written: BTreeSet<(u64, String)> = writers.join_all().await.into_iter().collect();
    let versions: Vec<u64> = written.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, (1..=16).collect::<Vec<_>>());
    assert_eq!(test.access(&ada(), "slack", NOW).await.unwrap(), written.last().unwrap().1);
}

pub async fn concurrent_puts_and_deletes_of_many_credentials_mix_nothing(test: VaultUnderTest) {
    let (test, mut writers) = (Arc::new(test), JoinSet::new());
    for writer in 0..8 {
        let test = Arc::clone(&test);
        writers.spawn(async move {
            let (owner, integration) = (owner(&format!("owner-{}", writer % 4)), format!("integration-{writer}"));
            for round in 0..4 {
                let secret = format!("{owner} {integration} {round}");
                test.put(&owner, NewCredential::new(integration.as_str(), secret.as_str()), NOW).await;
                assert_eq!(test.access(&owner, &integration, NOW).await.unwrap(), secret);
                if round % 2 == 0 {
                    assert!(test.vault.delete(&owner, &integration).await.unwrap());
                }
            }
        });
    }
    writers.join_all().await;
    for name in 0..4 {
        assert_eq!(test.vault.list(&owner(&format!("owner-{name}")), NOW).await.unwrap().len(), 2);
    }
}
