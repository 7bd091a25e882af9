//! How many requests there are, and how long they take.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Unit, describe_histogram, histogram};

const REQUESTS: &str = "wren_http_request_seconds";

/// Tells the process's recorder what the figures of the API are; once is enough.
pub fn describe_measures() {
    describe_histogram!(REQUESTS, Unit::Seconds, "How long requests took, by route, method and status");
}

/// Times a request, under its route's pattern: paths have ids in them.
pub(crate) async fn measured(request: Request, next: Next) -> Response {
    let began = Instant::now();
    // A path that is no route, and a method that is none, may be anything.
    let path = request.extensions().get::<MatchedPath>();
    let (route, method) = match path {
        Some(path) => (path.as_str().to_owned(), request.method().to_string()),
        None => ("none".to_owned(), "any".to_owned()),
    };
    let answer = next.run(request).await;
    let status = answer.status().as_str().to_owned();
    histogram!(REQUESTS, "route" => route, "method" => method, "status" => status).record(began.elapsed());
    answer
}
