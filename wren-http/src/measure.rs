//! How many requests there are, and how long they take.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Unit, describe_histogram, histogram};

const REQUESTS: &str = "wren_http_request_seconds";

/// Tells the process's recorder what the figures of the API are; once is enough.
pub fn describe_measures() {
    describe_histogram!(REQUESTS, Unit::Seconds, "How long requests took, by route, method and status");
}

/// Returns the name of a method in figures and spans: a caller may invent methods, and names are few. The word for the others is
/// that of OpenTelemetry's semantic conventions.
pub(crate) fn method_name(method: &Method) -> &'static str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    const NAMES: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.iter().position(|known| known == method).map_or("_OTHER", |place| NAMES[place])
}

/// Times a request, under its route's pattern: paths have ids in them.
pub(crate) async fn measured(request: Request, next: Next) -> Response {
    let began = Instant::now();
    // A path that is no route, and a method that is none, may be anything.
    let path = request.extensions().get::<MatchedPath>();
    let (route, method) = match path {
        Some(path) => (path.as_str().to_owned(), method_name(request.method())),
        None => ("none".to_owned(), "any"),
    };
    let answer = next.run(request).await;
    let status = answer.status().as_str().to_owned();
    histogram!(REQUESTS, "route" => route, "method" => method, "status" => status).record(began.elapsed());
    answer
}
