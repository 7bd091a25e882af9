//! Correlation ids come back, or are made.

use axum::body::Body;
use wren_core::ErrorCode;

use crate::support::{World, ada};

#[tokio::test]
async fn a_valid_id_is_echoed_on_answers_and_in_errors() {
    let world = World::new().await;
    for (path, status) in [("/v1/runs", 200), ("/healthz", 200), ("/v1/nowhere", 404), ("/v1/runs?limit=x", 400)] {
        let request = world.request("GET", path).header("X-Correlation-ID", "client.7:a-b_c");
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.header("x-correlation-id"), Some("client.7:a-b_c"), "{path}");
        assert_eq!(answer.text.contains("client.7:a-b_c"), status >= 400);
    }
}

#[tokio::test]
async fn an_id_that_may_not_stand_in_a_log_is_replaced() {
    let world = World::new().await;
    for given in ["", "a b", "a\"b", "é", &"x".repeat(129)] {
        let request = world.request("GET", "/v1/runs").header("X-Correlation-ID", given);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        let made = answer.header("x-correlation-id").unwrap();
        assert!(made.starts_with("corr_") && made.len() == 31, "{made}");
    }
    let twice = world.request("GET", "/v1/runs").header("X-Correlation-ID", "one").header("X-Correlation-ID", "two");
    let answer = world.send(twice.body(Body::empty()).unwrap()).await;
    assert!(answer.header("x-correlation-id").unwrap().starts_with("corr_"));
}

#[tokio::test]
async fn two_requests_get_two_ids() {
    let world = World::new().await;
    let (one, two) = (world.get("/healthz").await, world.get("/healthz").await);
    assert_ne!(one.header("x-correlation-id"), two.header("x-correlation-id"));
}

#[tokio::test]
async fn the_id_goes_into_the_run_that_a_request_starts() {
    let world = World::new().await;
    let (deployed, _) = world.reported(&ada()).await;
    let path = format!("/v1/deployments/{}/runs", deployed.deployment.id);
    let request = world.request("POST", &path).header("X-Correlation-ID", "from-the-client");
    let run = world.send(request.body(Body::empty()).unwrap()).await.json(202);
    assert_eq!(run["correlation_id"], "from-the-client");
    let stored = world.get(&format!("/v1/runs/{}", run["run_id"].as_str().unwrap())).await.json(200);
    assert_eq!(stored["correlation_id"], "from-the-client");
}

#[tokio::test]
async fn answers_are_not_to_be_cached_or_guessed_at() {
    let world = World::new().await;
    let answers = [world.get("/v1/runs").await, world.get("/nowhere").await];
    answers[1].error(404, ErrorCode::NotFound);
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}
