//! The probes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use wren_core::ErrorCode;

use crate::support::{Answer, Check, World};

async fn probe(world: &World, path: &str) -> Answer {
    world.send(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_server_that_can_work_says_so_to_anybody() {
    let world = World::new().await;
    assert_eq!(probe(&world, "/healthz").await.json(200), json!({"status": "ok"}));
    assert_eq!(probe(&world, "/readyz").await.json(200), json!({"status": "ready"}));
}

#[tokio::test]
async fn a_server_that_cannot_work_is_alive_but_not_ready_and_tells_no_detail() {
    let world = World::new().await;
    *world.executor.check.lock() = Check::Unavailable;
    probe(&world, "/healthz").await.json(200);
    let answer = probe(&world, "/readyz").await;
    let error = answer.error(503, ErrorCode::ExecutorUnavailable);
    assert_eq!(error["retryable"], true);
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(error.get("hint"), None);
    assert!(!answer.text.contains("secret-path") && !answer.text.contains("4711"));
}

#[tokio::test(start_paused = true)]
async fn probes_of_one_second_share_one_check_good_or_bad() {
    let world = World::new().await;
    for (round, check, status) in [(1, Check::Ready, 200), (2, Check::Unavailable, 503), (3, Check::Ready, 200)] {
        *world.executor.check.lock() = check;
        for answer in futures::future::join_all((0..20).map(|_| probe(&world, "/readyz"))).await {
            answer.json(status);
        }
        tokio::time::advance(Duration::from_millis(999)).await;
        probe(&world, "/readyz").await.json(status);
        assert_eq!(world.executor.checks.load(Ordering::SeqCst), round);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_leaves_the_check_to_the_next() {
    let world = World::new().await;
    *world.executor.check.lock() = Check::Never;
    assert!(tokio::time::timeout(Duration::from_secs(1), probe(&world, "/readyz")).await.is_err());
    *world.executor.check.lock() = Check::Ready;
    probe(&world, "/readyz").await.json(200);
}
