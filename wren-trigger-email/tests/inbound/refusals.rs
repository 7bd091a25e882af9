//! Deliveries that are refused: all alike.

use bytes::Bytes;
use wren_conformance::fixtures::{ada, status};
use wren_core::ErrorCode;
use wren_core::model::DeploymentStatus;
use wren_core::source::{InboundDelivery, InboundMail};

use crate::support::{MAIL, World, audited, logged, seconds, signature};

#[tokio::test]
async fn a_bit_that_flipped_anywhere_is_refused() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    let good = world.delivery(&sender, "d-1", MAIL);
    let mut wrong = Vec::new();
    for place in 0..good.body.len() {
        let mut body = good.body.to_vec();
        body[place] ^= 1 << (place % 8);
        wrong.push(InboundDelivery { body: Bytes::from(body), ..good.clone() });
    }
    for place in 0..good.signature.len() {
        for bit in 0..7 {
            let mut text = good.signature.clone().into_bytes();
            text[place] ^= 1 << bit;
            wrong.push(InboundDelivery { signature: String::from_utf8(text).unwrap(), ..good.clone() });
        }
    }
    for id in ["d-2", "D-1", "d-", "d-1 ", ""] {
        wrong.push(InboundDelivery { id: id.to_owned(), ..good.clone() });
    }
    wrong.push(InboundDelivery { body: good.body.slice(1..), ..good.clone() });
    wrong.push(InboundDelivery { body: [&good.body[..], b"\n"].concat().into(), ..good.clone() });
    let count = wrong.len();
    for delivery in wrong {
        let shown = format!("{} {}", delivery.signature, delivery.id);
        let (code, ..) = world.refused(world.inbound.deliver(delivery).await);
        assert_eq!(code, ErrorCode::PermissionDenied, "{shown}");
    }
    assert_eq!(audited().iter().filter(|line| line.contains("inbound mail refused")).count(), count);
    assert_eq!(world.runs().await, []);
    // None of them has used the delivery up.
    world.inbound.deliver(good).await.unwrap();
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test]
async fn a_name_cannot_be_made_longer_at_the_cost_of_the_body() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    let mail = format!("x.{MAIL}");
    let good = world.delivery(&sender, "d-1", &mail);
    // What is signed is the same, letter by letter.
    let moved = InboundDelivery { id: "d-1.x".to_owned(), body: good.body.slice(2..), ..good };
    world.refused(world.inbound.deliver(moved).await);
    assert_eq!(world.runs().await, []);
}

#[tokio::test]
async fn a_signature_of_another_time_is_refused() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    let body = Bytes::from_static(MAIL.as_bytes());
    for offset in [-301, 301, -86_400, 86_400] {
        let delivery = sender.delivery("d-1", body.clone(), world.now() + seconds(offset));
        world.refused(world.inbound.deliver(delivery).await);
    }
    let signed = world.delivery(&sender, "d-1", MAIL);
    world.clock.advance(seconds(301));
    world.refused(world.inbound.deliver(signed).await);
    assert_eq!(world.runs().await, []);
    for (id, offset) in [("d-1", -300), ("d-2", 300)] {
        let delivery = sender.delivery(id, body.clone(), world.now() + seconds(offset));
        world.inbound.deliver(delivery).await.unwrap();
    }
}

#[tokio::test]
async fn another_deployments_secret_opens_no_address() {
    let world = World::new();
    let (_, one) = world.sender("one").await;
    let (_, two) = world.sender("two").await;
    let crossed = InboundDelivery { address: two.address.clone(), ..world.delivery(&one, "d-1", MAIL) };
    world.refused(world.inbound.deliver(crossed).await);
    assert_eq!(world.runs().await, []);
}

#[tokio::test]
async fn who_is_refused_does_not_learn_why() {
    let world = World::new();
    let (deployed, sender) = world.sender("mail").await;
    let good = world.delivery(&sender, "d-1", MAIL);
    let long = "f".repeat(10_000);
    let mut answers = Vec::new();
    for address in ["ffffffffffffffffffffffffffffffff", "", "é", &sender.address.to_uppercase(), &long] {
        let delivery = InboundDelivery { address: address.to_owned(), ..good.clone() };
        answers.push(world.refused(world.inbound.deliver(delivery).await));
    }
    for text in ["", "t=1", "v1=00", &good.signature.replace("v1", "v0"), &good.signature.to_uppercase()] {
        let delivery = InboundDelivery { signature: text.to_owned(), ..good.clone() };
        answers.push(world.refused(world.inbound.deliver(delivery).await));
    }
    let other = "another".to_owned().into();
    let forged = signature(&[&other], "d-1", &good.body, world.now());
    answers.push(world.refused(world.inbound.deliver(InboundDelivery { signature: forged, ..good.clone() }).await));
    // A body that is no mail is looked at once the signature is right, and not before.
    let odd =
        InboundDelivery { content_type: "application/json".to_owned(), signature: "t=1".to_owned(), ..good.clone() };
    answers.push(world.refused(world.inbound.deliver(odd).await));
    let store = world.engine.store();
    store.set_status(&ada(), deployed.deployment.id, status(DeploymentStatus::Undeployed)).await.unwrap();
    answers.push(world.refused(world.inbound.deliver(good.clone()).await));
    world.engine.vault().delete(&ada(), &format!("inbound_{}", deployed.deployment.id)).await.unwrap();
    answers.push(world.refused(world.inbound.deliver(good).await));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    // The audit trail says it.
    let trail = audited().join("\n");
    for reason in ["no such address", "the signature is none", "the signature is wrong", "undeployed"] {
        assert!(trail.contains(reason), "{reason}: {trail}");
    }
    assert!(!trail.contains(&long) && !logged().contains("canary"));
}
