//! Faults and slowness: what a caller sees of them, and what only the log does.

use std::time::Duration;

use axum::body::Body;
use wren_core::ErrorCode;

use crate::support::{Check, World, logged};

#[tokio::test]
async fn a_panic_is_an_internal_error_of_one_request() {
    let world = World::new().await;
    *world.executor.check.lock() = Check::Panics;
    let answer = world.get("/readyz").await;
    let error = answer.error(500, ErrorCode::Internal);
    assert!(!answer.text.contains("secret-path"));
    let line = logged();
    assert!(line.contains("confused by /opt/secret-path"), "{line}");
    assert!(line.contains(error["correlation_id"].as_str().unwrap()), "{line}");
    world.get("/healthz").await.json(200);
}

#[tokio::test]
async fn the_cause_of_an_internal_error_is_logged_under_the_correlation_id() {
    let world = World::new().await;
    *world.executor.check.lock() = Check::Unavailable;
    let request = world.request("GET", "/readyz").header("X-Correlation-ID", "find-me");
    world.send(request.body(Body::empty()).unwrap()).await.error(503, ErrorCode::ExecutorUnavailable);
    let text = logged();
    let line = text.lines().find(|line| line.contains("permission denied for uid 4711")).unwrap();
    assert!(line.contains("find-me") && line.contains("ERROR"), "{line}");
}

#[tokio::test]
async fn no_key_is_ever_logged() {
    let world = World::new().await;
    world.get(&format!("/v1/runs?cursor={}", world.key)).await;
    world.get("/v1/deployments").await;
    let log = logged();
    assert!(log.contains("authenticated") && !log.contains(&world.key), "{log}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_given_up() {
    let world = World::with(|api| api.with_request_timeout(Duration::from_secs(5))).await;
    *world.executor.check.lock() = Check::Never;
    let error = world.get("/readyz").await.error(504, ErrorCode::Internal);
    assert_eq!(error["retryable"], true);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let world = World::with(|api| api.with_body_timeout(Duration::from_secs(5))).await;
    let body = Body::from_stream(futures::stream::pending::<Result<&'static str, std::io::Error>>());
    let error = world.post_text("/v1/integrations/validate", body).await.error(408, ErrorCode::InvalidRequest);
    assert_eq!(error["message"], "the body did not arrive within 5s");
}
