//! The probes.

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
    assert_eq!(error.get("hint"), None);
    assert!(!answer.text.contains("secret-path") && !answer.text.contains("4711"));
}
