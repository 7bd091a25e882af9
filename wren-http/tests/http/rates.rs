//! How many requests a key may send, and how often an address may fail to show one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::ConnectInfo;
use chrono::TimeDelta;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use wren_core::ErrorCode;
use wren_http::{RateLimit, serve};

use crate::support::{Answer, NOW, SharedStore, World, ada, at, request_as};

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
    let world = World::with(|api| api.with_trusted_proxies(["127.0.0.0/8".parse().unwrap()])).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = tokio::spawn(serve(listener, world.router.clone(), shutdown.clone()));
    let ask = async |forwarded: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /v1/runs HTTP/1.1\r\nHost: wren\r\nAuthorization: Bearer wren_x\r\nConnection: close\r\n{forwarded}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer[9..12].to_owned()
    };
    let mut statuses = Vec::new();
    for _ in 0..31 {
        statuses.push(ask("X-Forwarded-For: 198.51.100.7, 203.0.113.9\r\n").await);
    }
    assert!(statuses[..30].iter().all(|status| status == "401"), "{statuses:?}");
    assert_eq!(statuses[30], "429");
    assert_eq!(ask("X-Forwarded-For: 203.0.113.10\r\n").await, "401", "another client behind the same proxy");
    // What the proxy does not say is the proxy's, which is on this machine and never made to wait.
    for _ in 0..40 {
        assert_eq!(ask("").await, "401");
    }
    shutdown.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_header_of_a_stranger_moves_nobodys_failures() {
    let world = World::with(|api| api.with_trusted_proxies(["10.0.0.0/8".parse().unwrap()])).await;
    let ask = async |connection: &str, forwarded: &str| {
        let request = request_as("wren_x", "GET", "/v1/runs").header("x-forwarded-for", forwarded);
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(connection.parse().unwrap()));
        world.send(request).await
    };
    for number in 0..30 {
        ask("192.0.2.1:1", &format!("203.0.113.{number}")).await.error(401, ErrorCode::InvalidApiKey);
    }
    ask("192.0.2.1:1", "203.0.113.99").await.error(429, ErrorCode::RateLimited);
    ask("10.0.0.1:1", "203.0.113.1").await.error(401, ErrorCode::InvalidApiKey);
    // Through the proxy the same stranger is known again, whatever he writes before what the proxy adds.
    ask("10.0.0.1:1", "203.0.113.2, 192.0.2.1").await.error(429, ErrorCode::RateLimited);
}

#[tokio::test]
async fn servers_on_one_store_count_a_keys_requests_together() {
    let store = Arc::new(SharedStore::default());
    let limit = RateLimit::per_minute(60).with_burst(20);
    let server = async || World::on(Arc::<SharedStore>::clone(&store), |_, api| api.with_rate_limit(Some(limit))).await;
    let (one, other) = (server().await, server().await);
    let ask =
        async |world: &World| world.send(request_as(&one.key, "GET", "/v1/runs").body(Body::empty()).unwrap()).await;
    for turn in 0..20 {
        ask(if turn % 2 == 0 { &one } else { &other }).await.json(200);
    }
    for world in [&one, &other] {
        let answer = ask(world).await;
        answer.error(429, ErrorCode::RateLimited);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    other.clock.set(at(NOW) + TimeDelta::seconds(1));
    ask(&other).await.json(200);
}

#[tokio::test]
async fn where_the_store_takes_no_rates_each_server_counts_alone() {
    let store = Arc::new(SharedStore::default());
    store.forgets_rates.store(true, Ordering::SeqCst);
    let limit = RateLimit::per_minute(60).with_burst(5);
    let world = World::on(Arc::<SharedStore>::clone(&store), |_, api| api.with_rate_limit(Some(limit))).await;
    for _ in 0..5 {
        world.get("/v1/runs").await.json(200);
    }
    world.get("/v1/runs").await.error(429, ErrorCode::RateLimited);
}
