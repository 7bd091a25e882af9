//! What a delivery fires, and what the same one again does not.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use wren_conformance::fixtures::{ada, on_email, revision, status};
use wren_core::ErrorCode;
use wren_core::model::{DeploymentStatus, RunState, TriggerKind};
use wren_core::source::{InboundDelivery, InboundMail};

use crate::support::{MAIL, World, audited, logged, seconds};

#[tokio::test]
async fn a_mail_becomes_a_run_of_each_trigger_it_matches() {
    let world = World::new();
    let deployed = world.deploy("mail", &["one", "two"]).await;
    world.deploy("other", &["three"]).await;
    let sender = world.open(deployed.deployment.id).await;
    let delivered = world.deliver(&sender, "d-1", MAIL).await.unwrap();
    let mut ids: Vec<_> = deployed.triggers.iter().map(|trigger| trigger.id).collect();
    ids.sort_unstable();
    assert_eq!(delivered.triggers, ids);
    let runs = world.runs().await;
    assert_eq!(runs.len(), 2, "only the address's own deployment is fired");
    for run in runs {
        assert_eq!((run.state, run.trigger, run.scheduled_for), (RunState::Queued, TriggerKind::Email, world.now()));
        assert_eq!(run.payload.unwrap()["subject"], "invoice 7");
    }
    let trail = audited();
    let last = trail.last().unwrap();
    assert!(
        last.contains("inbound mail delivered") && last.contains("owner=\"ada@example.com\"") && last.contains("d-1"),
        "{last}"
    );
    assert!(!logged().contains("canary"), "no log has a mail");
}

#[tokio::test]
async fn what_a_script_says_of_its_runs_and_of_its_account_keeps_no_mail_out() {
    let world = World::new();
    let mut trigger = on_email("mail");
    trigger.config.insert("retries".to_owned(), 3.into());
    trigger.config.insert("account".to_owned(), "work".into());
    let deployed = world.engine.store().put_revision(&ada(), revision("mail", vec![trigger])).await.unwrap();
    let sender = world.open(deployed.deployment.id).await;
    let delivered = world.deliver(&sender, "d-1", MAIL).await.unwrap();
    assert_eq!(delivered.triggers, [deployed.triggers[0].id]);
}

#[tokio::test]
async fn a_mail_comes_in_a_form_too() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    let form = format!("--b0\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n{MAIL}\r\n--b0--\r\n");
    let signed = sender.delivery("d-1", Bytes::from(form), world.now());
    let delivery = InboundDelivery { content_type: "multipart/form-data; boundary=b0".to_owned(), ..signed };
    world.inbound.deliver(delivery).await.unwrap();
    assert_eq!(world.runs().await[0].payload.as_ref().unwrap()["subject"], "invoice 7");
}

#[tokio::test]
async fn the_same_delivery_again_has_the_same_answer_and_no_second_run() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    let first = world.delivery(&sender, "d-1", MAIL);
    let answer = world.inbound.deliver(first.clone()).await.unwrap();
    assert_eq!(world.inbound.deliver(first.clone()).await.unwrap(), answer, "replayed");
    world.clock.advance(seconds(23 * 3600));
    // Signed anew, and even of another mail: its name says that it is the same.
    let other = MAIL.replace("<1@host>", "<2@host>");
    assert_eq!(world.deliver(&sender, "d-1", &other).await.unwrap(), answer, "sent again");
    assert_eq!(world.runs().await.len(), 1);
    assert!(audited().last().unwrap().contains("replay=true"));
}

#[tokio::test]
async fn the_same_mail_in_another_delivery_is_the_same_event() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    let nameless = MAIL.replace("Message-ID: <1@host>\r\n", "");
    // A sender whose mails all have one Message-ID sends several all the same.
    let other = MAIL.replace("Subject: ", "Subject: another ");
    for (id, mail) in
        [("d-1", MAIL), ("d-2", MAIL), ("d-3", &nameless), ("d-4", &nameless), ("d-5", &other), ("d-6", &other)]
    {
        world.deliver(&sender, id, mail).await.unwrap();
    }
    assert_eq!(world.runs().await.len(), 3);
}

#[tokio::test]
async fn one_delivery_that_comes_many_times_at_once_is_one() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    let delivery = world.delivery(&sender, "d-1", MAIL);
    let inbound = Arc::new(world.inbound.clone());
    let answers = join_all((0..32).map(|_| {
        let (inbound, delivery) = (Arc::clone(&inbound), delivery.clone());
        async move { inbound.deliver(delivery).await.unwrap() }
    }));
    let answers = answers.await;
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test]
async fn deployments_know_their_own_deliveries_only() {
    let world = World::new();
    let (_, one) = world.sender("one").await;
    let (_, two) = world.sender("two").await;
    let first = world.deliver(&one, "d-1", MAIL).await.unwrap();
    let second = world.deliver(&two, "d-1", MAIL).await.unwrap();
    assert_ne!(first.triggers, second.triggers);
    assert_eq!(world.runs().await.len(), 2);
}

#[tokio::test]
async fn what_is_signed_but_no_mail_is_said_to_be_none_and_may_come_again() {
    let world = World::new();
    let (_, sender) = world.sender("mail").await;
    for (content_type, body) in
        [("application/json", "{}"), ("multipart/form-data; boundary=b", "--b--"), ("message/rfc822", "")]
    {
        let signed = world.delivery(&sender, "d-1", body);
        let delivery = InboundDelivery { content_type: content_type.to_owned(), ..signed };
        let error = world.inbound.deliver(delivery).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest, "{content_type}");
        assert!(audited().last().unwrap().contains("inbound mail refused"));
    }
    world.deliver(&sender, "d-1", MAIL).await.unwrap();
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test]
async fn a_mail_to_a_paused_deployment_is_recorded_as_skipped() {
    let world = World::new();
    let (deployed, sender) = world.sender("mail").await;
    let store = world.engine.store();
    store.set_status(&ada(), deployed.deployment.id, status(DeploymentStatus::Paused)).await.unwrap();
    world.deliver(&sender, "d-1", MAIL).await.unwrap();
    assert_eq!(world.runs().await[0].state, RunState::Skipped);
}
