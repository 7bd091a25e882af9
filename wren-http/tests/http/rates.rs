//! How many requests a key may send, and how often an address may fail to show one.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use chrono::TimeDelta;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use wren_core::ErrorCode;
use wren_http::{RateLimit, serve};

use crate::support::{Answer, NOW, World, ada, at, request_as};

async fn limited() -> World {
    World::with(|api| api.with_rate_limit(Some(RateLimit::per_minute(60).with_burst(5)))).await
}

async fn from(world: &World, address: &str, key: &str) -> Answer {
    let mut request = request_as(key, "GET", "/v1/runs").body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(address.parse().unwrap()));
    world.send(request).await
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_ask_again_and_is_then_served() {
    let world = limited().await;
    for left in (0..5).rev() {
        let answer = world.get("/v1/runs").await;
        answer.json(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=60;w=60"));
        assert_eq!(answer.header("ratelimit"), Some(&*format!("\"key\";r={left};t={}", 5 - left)));
    }
    let answer = world.get("/v1/runs").await;
    let error = answer.error(429, ErrorCode::RateLimited);
    assert_eq!((answer.header("retry-after"), &error["retryable"]), (Some("1"), &true.into()));
    assert!(error["hint"].as_str().unwrap().contains("60 requests a minute"), "{error}");
    assert_eq!(answer.header("ratelimit"), Some("\"key\";r=0;t=5"));
    world.clock.set(at(NOW) + TimeDelta::seconds(1));
    world.get("/v1/runs").await.json(200);
    world.get("/v1/runs").await.error(429, ErrorCode::RateLimited);
}

#[tokio::test]
async fn each_key_has_its_own_and_what_it_may_not_do_counts_as_well() {
    let world = limited().await;
    let reader = world.key_of(&ada(), &["read"]).await;
    for _ in 0..5 {
        let request = request_as(&reader, "POST", "/v1/scripts/deploy").body(Body::empty()).unwrap();
        world.send(request).await.error(403, ErrorCode::PermissionDenied);
    }
    world
        .send(request_as(&reader, "GET", "/v1/runs").body(Body::empty()).unwrap())
        .await
        .error(429, ErrorCode::RateLimited);
    world.get("/v1/runs").await.json(200);
}

#[tokio::test]
async fn probes_and_figures_are_not_counted() {
    let world =
        World::with(|api| api.with_rate_limit(Some(RateLimit::per_minute(1))).with_metrics(|| "figures".to_owned()))
            .await;
    for _ in 0..5 {
        assert_eq!(world.get("/metrics").await.status, 200);
        assert_eq!(world.get("/healthz").await.status, 200);
    }
    world.get("/v1/runs").await.json(200);
    world.get("/v1/runs").await.error(429, ErrorCode::RateLimited);
    assert_eq!(world.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn without_a_limit_nothing_is_said_of_one() {
    let world = World::new().await;
    for _ in 0..200 {
        assert_eq!(world.get("/v1/runs").await.header("ratelimit"), None);
    }
}

#[tokio::test]
async fn an_address_without_a_valid_key_has_to_wait_and_keeps_nobody_else_out() {
    let world = World::new().await;
    let (here, there) = ("192.0.2.1:1000", "192.0.2.2:1000");
    from(&world, here, &world.key).await.json(200);
    for attempt in 0..30 {
        from(&world, here, &format!("wren_{attempt}")).await.error(401, ErrorCode::InvalidApiKey);
    }
    let unused = world.key_of(&ada(), &["read"]).await;
    let refused = from(&world, here, &unused).await;
    refused.error(429, ErrorCode::RateLimited);
    assert!(refused.header("retry-after").is_some() && refused.header("www-authenticate").is_none());
    // One that was good here before, as of others behind the same proxy, goes on; so does every other address.
    from(&world, here, &world.key).await.json(200);
    from(&world, there, &unused).await.json(200);
    world.clock.set(at(NOW) + TimeDelta::seconds(1));
    from(&world, here, &unused).await.json(200);
}

#[tokio::test]
async fn requests_without_any_key_count_as_failures() {
    let world = World::new().await;
    let ask = || {
        let mut request = axum::http::Request::get("/v1/runs").body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>("[2001:db8::1]:9".parse().unwrap()));
        world.send(request)
    };
    for _ in 0..30 {
        ask().await.error(401, ErrorCode::InvalidApiKey);
    }
    ask().await.error(429, ErrorCode::RateLimited);
}

#[tokio::test]
async fn the_server_itself_knows_where_its_connections_come_from() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = tokio::spawn(serve(listener, world.router.clone(), shutdown.clone()));
    let mut statuses = Vec::new();
    for _ in 0..31 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "GET /v1/runs HTTP/1.1\r\nHost: wren\r\nAuthorization: Bearer wren_x\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        statuses.push(answer[9..12].to_owned());
    }
    assert!(statuses[..30].iter().all(|status| status == "401"), "{statuses:?}");
    assert_eq!(statuses[30], "429");
    shutdown.cancel();
    server.await.unwrap().unwrap();
}
