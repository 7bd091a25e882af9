//! Mail that a provider hands over: the route's own part, whatever takes the mail behind it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use wren_core::source::{Delivered, InboundDelivery, InboundMail, MAX_INBOUND_BYTES, OpenedAddress};
use wren_core::{DeploymentId, Error, ErrorCode, OwnerId, Result, TriggerId};

use crate::support::{Answer, World, ada, bob, logged, request_as};

const ADDRESS: &str = "0123456789abcdef0123456789abcdef";
const SIGNATURE: &str = "t=1733653800,v1=00";
const MAIL: &str = "Subject: hi\r\n\r\ncanary";

/// Takes everything for the one address, whatever it is signed with.
#[derive(Debug, Default)]
struct Fake {
    taken: Mutex<Vec<InboundDelivery>>,
    opened: Mutex<Vec<DeploymentId>>,
    /// Holds deliveries back, where there is one.
    hold: Option<Notify>,
}

fn trigger() -> TriggerId {
    "trg_00000000000000000000000001".parse().unwrap()
}

#[async_trait]
impl InboundMail for Fake {
    async fn deliver(&self, delivery: InboundDelivery) -> Result<Delivered> {
        if delivery.address != ADDRESS {
            return Err(Error::new(ErrorCode::PermissionDenied, "the address does not take this delivery"));
        }
        self.taken.lock().push(delivery);
        if let Some(hold) = &self.hold {
            hold.notified().await;
        }
        Ok(Delivered { triggers: vec![trigger()] })
    }

    async fn open(&self, owner: &OwnerId, deployment: DeploymentId) -> Result<OpenedAddress> {
        assert_eq!(*owner, ada());
        let mut opened = self.opened.lock();
        opened.push(deployment);
        Ok(OpenedAddress {
            address: ADDRESS.to_owned(),
            secret: format!("canary-{}", opened.len()).into(),
            created: opened.len() == 1,
        })
    }

    async fn close(&self, owner: &OwnerId, _deployment: DeploymentId) -> Result<bool> {
        match *owner == ada() {
            true => Ok(!std::mem::take(&mut *self.opened.lock()).is_empty()),
            false => Err(Error::not_found("deployment")),
        }
    }
}

async fn world(fake: &Arc<Fake>) -> World {
    let inbound: Arc<dyn InboundMail> = Arc::<Fake>::clone(fake);
    World::with(|api| api.with_public_url("https://wrens.ie").with_inbound_mail(inbound)).await
}

async fn deliver(world: &World, address: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::post(format!("/v1/inbound/email/{address}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(body.into()).unwrap()).await
}

const GOOD: [(&str, &str); 3] =
    [("wren-delivery", "d-1"), ("wren-signature", SIGNATURE), ("content-type", "message/rfc822")];

#[tokio::test]
async fn a_delivery_is_handed_on_as_it_came_and_needs_no_key() {
    let fake = Arc::new(Fake::default());
    let world = world(&fake).await;
    let answer = deliver(&world, ADDRESS, &GOOD, MAIL).await.json(200);
    assert_eq!(answer, json!({"delivery_id": "d-1", "triggers": [trigger().to_string()]}));
    let form = "multipart/form-data; boundary=\"b 0\"";
    let headers = [("wren-delivery", "~!@#$%^&*"), ("wren-signature", SIGNATURE), ("content-type", form)];
    // Any bytes: what is signed is what came.
    let bytes: Vec<u8> = (0..=255).collect();
    deliver(&world, ADDRESS, &headers, bytes.clone()).await.json(200);
    let taken = fake.taken.lock();
    assert_eq!(
        (taken[0].address.as_str(), taken[0].id.as_str(), taken[0].signature.as_str()),
        (ADDRESS, "d-1", SIGNATURE)
    );
    assert_eq!((taken[0].content_type.as_str(), &taken[0].body[..]), ("message/rfc822", MAIL.as_bytes()));
    assert_eq!((taken[1].id.as_str(), taken[1].content_type.as_str()), ("~!@#$%^&*", form));
    assert_eq!(taken[1].body, bytes);
    assert!(!logged().contains("canary"), "no log has a mail");
}

#[tokio::test]
async fn a_delivery_without_its_headers_is_refused_before_it_is_read() {
    let fake = Arc::new(Fake::default());
    let world = world(&fake).await;
    let long = "x".repeat(129);
    let longer = format!("t=1,{}", "v1=00,".repeat(400));
    for (name, value) in [
        ("wren-delivery", None),
        ("wren-delivery", Some("")),
        ("wren-delivery", Some("a.b")),
        ("wren-delivery", Some("a b")),
        ("wren-delivery", Some("é")),
        ("wren-delivery", Some(long.as_str())),
        ("wren-signature", None),
        ("wren-signature", Some(longer.as_str())),
    ] {
        let mut headers: Vec<_> = GOOD.into_iter().filter(|(other, _)| *other != name).collect();
        headers.extend(value.map(|value| (name, value)));
        let body = Body::from_stream(futures::stream::pending::<std::io::Result<Bytes>>());
        let error = deliver(&world, ADDRESS, &headers, body).await.error(400, ErrorCode::InvalidRequest);
        let header = if name == "wren-delivery" { "`Wren-Delivery`" } else { "`Wren-Signature`" };
        assert!(error["message"].as_str().unwrap().contains(header), "{name}: {value:?}: {error}");
    }
    for twice in [GOOD[0], GOOD[1]] {
        let headers = [&GOOD[..], &[twice]].concat();
        deliver(&world, ADDRESS, &headers, MAIL).await.error(400, ErrorCode::InvalidRequest);
    }
    assert_eq!(fake.taken.lock().len(), 0);
    let log = logged();
    let audited = log.lines().filter(|line| line.contains("wren::audit") && line.contains("inbound mail refused"));
    assert_eq!(audited.count(), 10, "{log}");
}

#[tokio::test]
async fn what_is_declared_as_no_mail_is_refused() {
    let fake = Arc::new(Fake::default());
    let world = world(&fake).await;
    for content_type in [None, Some("application/json"), Some("text/plain"), Some("multipart/mixed; boundary=b")] {
        let mut headers = GOOD[..2].to_vec();
        headers.extend(content_type.map(|value| ("content-type", value)));
        let error = deliver(&world, ADDRESS, &headers, MAIL).await.error(415, ErrorCode::InvalidRequest);
        assert!(error["hint"].as_str().unwrap().contains("message/rfc822"), "{error}");
    }
    assert_eq!(fake.taken.lock().len(), 0);
}

#[tokio::test]
async fn a_delivery_has_25_mebibytes_at_most() {
    let fake = Arc::new(Fake::default());
    let world = world(&fake).await;
    deliver(&world, ADDRESS, &GOOD, vec![b'x'; MAX_INBOUND_BYTES]).await.json(200);
    let over = vec![b'x'; MAX_INBOUND_BYTES + 1];
    deliver(&world, ADDRESS, &GOOD, over).await.error(413, ErrorCode::InvalidRequest);
    assert_eq!(fake.taken.lock().len(), 1);
}

#[tokio::test]
async fn an_address_is_told_from_none_by_no_answer_of_the_route() {
    let fake = Arc::new(Fake::default());
    let world = world(&fake).await;
    let long = "a".repeat(2000);
    let mut answers = Vec::new();
    for address in ["ffffffffffffffffffffffffffffffff", "x", "%FF", "%2E%2E", long.as_str()] {
        let mut error = deliver(&world, address, &GOOD, MAIL).await.error(403, ErrorCode::PermissionDenied);
        error.as_object_mut().unwrap().remove("correlation_id");
        answers.push(error);
        // Refused for its form, whatever the address.
        deliver(&world, address, &GOOD[..2], MAIL).await.error(415, ErrorCode::InvalidRequest);
        deliver(&world, address, &GOOD[1..], MAIL).await.error(400, ErrorCode::InvalidRequest);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn strangers_share_room_for_a_few_deliveries() {
    let fake = Arc::new(Fake { hold: Some(Notify::new()), ..Fake::default() });
    let world = world(&fake).await;
    let held = futures::future::join_all((0..8).map(|_| deliver(&world, ADDRESS, &GOOD, MAIL)));
    let mut held = std::pin::pin!(held);
    // Polled until all eight wait behind the route.
    while fake.taken.lock().len() < 8 {
        assert!(futures::poll!(&mut held).is_pending());
        tokio::task::yield_now().await;
    }
    let busy = deliver(&world, ADDRESS, &GOOD, MAIL).await;
    busy.error(429, ErrorCode::RateLimited);
    assert!(busy.header("retry-after").is_some());
    // What has a key is served beside them.
    world.get("/v1/runs").await.json(200);
    fake.hold.as_ref().unwrap().notify_waiters();
    assert!(held.await.iter().all(|answer| answer.status == 200));
    fake.hold.as_ref().unwrap().notify_one();
    deliver(&world, ADDRESS, &GOOD, MAIL).await.json(200);
}

#[tokio::test]
async fn an_address_is_shown_once_with_its_secret() {
    let fake = Arc::new(Fake::default());
    let world = world(&fake).await;
    let id = "dep_00000000000000000000000001";
    let path = format!("/v1/deployments/{id}/inbound");
    let opened = world.poke(&path).await;
    assert_eq!(opened.header("cache-control"), Some("no-store"));
    let url = format!("https://wrens.ie/v1/inbound/email/{ADDRESS}");
    assert_eq!(opened.json(201), json!({"address": ADDRESS, "url": url, "secret": "canary-1"}));
    assert_eq!(world.poke(&path).await.json(200), json!({"address": ADDRESS, "url": url, "secret": "canary-2"}));
    assert_eq!(world.delete(&path).await.json(200), json!({"deployment_id": id, "closed": true}));
    assert_eq!(world.delete(&path).await.json(200), json!({"deployment_id": id, "closed": false}));
    let key = world.key_of(&bob(), &["deploy"]).await;
    let request = request_as(&key, "DELETE", &path).header(header::CONTENT_LENGTH, "0").body(Body::empty());
    world.send(request.unwrap()).await.error(404, ErrorCode::NotFound);
    assert!(!logged().contains("canary"), "no log has a secret");
}

#[tokio::test]
async fn a_server_that_takes_no_mail_says_so() {
    let world = World::new().await;
    deliver(&world, ADDRESS, &GOOD, MAIL).await.error(404, ErrorCode::NotFound);
    world.poke("/v1/deployments/dep_00000000000000000000000001/inbound").await.error(404, ErrorCode::NotFound);
}
