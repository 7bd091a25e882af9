//! Faults and slowness: what a caller sees of them, and what only the log does.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use parking_lot::Mutex;
use wren_core::ErrorCode;

use crate::support::{Check, World};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_one_request() {
    let world = World::new().await;
    *world.executor.check.lock() = Check::Panics;
    let log = Log::default();
    let guard = log.begin();
    let answer = world.get("/readyz").await;
    drop(guard);
    let error = answer.error(500, ErrorCode::Internal);
    assert!(!answer.text.contains("secret-path"));
    let line = log.text();
    assert!(line.contains("confused by /opt/secret-path"), "{line}");
    assert!(line.contains(error["correlation_id"].as_str().unwrap()), "{line}");
    world.get("/healthz").await.json(200);
}

#[tokio::test]
async fn the_cause_of_an_internal_error_is_logged_under_the_correlation_id() {
    let world = World::new().await;
    *world.executor.check.lock() = Check::Unavailable;
    let log = Log::default();
    let guard = log.begin();
    let request = world.request("GET", "/readyz").header("X-Correlation-ID", "find-me");
    world.send(request.body(Body::empty()).unwrap()).await.error(503, ErrorCode::ExecutorUnavailable);
    drop(guard);
    let text = log.text();
    let line = text.lines().find(|line| line.contains("permission denied for uid 4711")).unwrap();
    assert!(line.contains("find-me") && line.contains("ERROR"), "{line}");
}

#[tokio::test]
async fn no_key_is_ever_logged() {
    let world = World::new().await;
    let log = Log::default();
    let guard = log.begin();
    world.get(&format!("/v1/runs?cursor={}", world.key)).await;
    world.get("/v1/deployments").await;
    drop(guard);
    assert!(!log.text().contains(&world.key));
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
