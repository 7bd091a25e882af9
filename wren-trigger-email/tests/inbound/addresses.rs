//! Addresses: made, given new secrets, taken away.

use std::collections::HashSet;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use wren_conformance::fixtures::{ada, bob, deployment_id, status};
use wren_core::ErrorCode;
use wren_core::model::DeploymentStatus;
use wren_core::source::{InboundDelivery, InboundMail};
use wren_core::store::RecordStore;
use wren_trigger_email::InboundAddresses;

use crate::support::{MAIL, World, audited, logged, seconds, signature};

fn addresses(world: &World) -> InboundAddresses {
    let records: Arc<dyn RecordStore> = Arc::<dyn wren_core::store::Store>::clone(world.engine.store());
    InboundAddresses::new(records, Arc::clone(world.engine.vault()))
}

#[tokio::test]
async fn each_deployment_has_an_address_of_its_own_that_says_nothing_of_it() {
    let world = World::new();
    let mut seen = HashSet::new();
    for number in 0..20 {
        let deployed = world.deploy(&format!("mail-{number}"), &["mail"]).await;
        let opened = world.inbound.open(&ada(), deployed.deployment.id).await.unwrap();
        assert!(opened.created);
        assert_eq!((opened.address.len(), opened.secret.expose_secret().len()), (32, 64), "128 and 256 bits");
        assert!(seen.insert(opened.address) && seen.insert(opened.secret.expose_secret().to_owned()));
    }
    let listed = addresses(&world).list(&ada(), world.now()).await.unwrap();
    assert_eq!(listed.len(), 20);
    assert!(listed.iter().all(|one| one.owner == ada() && seen.contains(&one.address)));
    assert_eq!(addresses(&world).list(&bob(), world.now()).await.unwrap(), []);
    let log = logged();
    assert_eq!(audited().iter().filter(|line| line.contains("inbound address opened")).count(), 20);
    let secrets = seen.iter().filter(|text| text.len() == 64);
    assert!(
        secrets.clone().count() == 20 && secrets.clone().all(|secret| !log.contains(secret)),
        "no log has a secret"
    );
}

#[tokio::test]
async fn a_new_secret_leaves_the_address_and_the_one_before_is_good_for_a_day() {
    let world = World::new();
    let (deployed, old) = world.sender("mail").await;
    let opened = world.inbound.open(&ada(), deployed.deployment.id).await.unwrap();
    assert!(!opened.created && opened.address == old.address);
    let new = crate::support::Sender { address: opened.address, secret: opened.secret };
    assert_ne!(new.secret.expose_secret(), old.secret.expose_secret());
    world.deliver(&new, "d-1", MAIL).await.unwrap();
    world.deliver(&old, "d-2", MAIL).await.unwrap();
    world.clock.advance(seconds(24 * 3600));
    world.refused(world.deliver(&old, "d-3", MAIL).await);
    world.deliver(&new, "d-4", MAIL).await.unwrap();
    // A sender in between signs with both.
    let both = signature(&[&old.secret, &new.secret], "d-5", MAIL.as_bytes(), world.now());
    let delivery = InboundDelivery { signature: both, ..world.delivery(&old, "d-5", MAIL) };
    world.inbound.deliver(delivery).await.unwrap();
    // The third takes the first one's place: two are good, never three.
    let third = world.open(deployed.deployment.id).await;
    let fourth = world.open(deployed.deployment.id).await;
    world.refused(world.deliver(&new, "d-6", MAIL).await);
    world.deliver(&third, "d-7", MAIL).await.unwrap();
    world.deliver(&fourth, "d-8", MAIL).await.unwrap();
}

#[tokio::test]
async fn an_address_that_was_taken_away_never_comes_back() {
    let world = World::new();
    let (deployed, sender) = world.sender("mail").await;
    let id = deployed.deployment.id;
    assert!(world.inbound.close(&ada(), id).await.unwrap());
    assert!(!world.inbound.close(&ada(), id).await.unwrap());
    world.refused(world.deliver(&sender, "d-1", MAIL).await);
    let vault = world.engine.vault();
    assert_eq!(vault.list(&ada(), world.now()).await.unwrap(), [], "its secret went with it");
    assert_eq!(addresses(&world).list(&ada(), world.now()).await.unwrap(), []);
    let again = world.open(id).await;
    assert_ne!(again.address, sender.address);
    world.refused(world.deliver(&sender, "d-1", MAIL).await);
    world.deliver(&again, "d-1", MAIL).await.unwrap();
    assert!(audited().iter().any(|line| line.contains("inbound address closed")));
}

#[tokio::test]
async fn only_the_owner_of_a_deployment_that_stands_opens_and_closes() {
    let world = World::new();
    let deployed = world.deploy("mail", &["mail"]).await;
    let id = deployed.deployment.id;
    for (owner, id) in [(bob(), id), (ada(), deployment_id())] {
        assert_eq!(world.inbound.open(&owner, id).await.unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(world.inbound.close(&owner, id).await.unwrap_err().code(), ErrorCode::NotFound);
    }
    world.open(id).await;
    world.engine.store().set_status(&ada(), id, status(DeploymentStatus::Undeployed)).await.unwrap();
    assert_eq!(world.inbound.open(&ada(), id).await.unwrap_err().code(), ErrorCode::Conflict);
    assert!(world.inbound.close(&ada(), id).await.unwrap(), "what is left behind can be taken away");
}
