//! The edge of the API: every request gets a correlation id and a span, every answer the id and its final form.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use wren_core::{CorrelationId, trace};

use crate::api::Api;
use crate::error::ApiError;
use crate::spans::{self, RequestSpan};
use crate::{pages, wire};

/// The header in which a correlation id comes and goes.
pub const CORRELATION_HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The correlation id of the request being answered.
#[derive(Debug, Clone)]
pub(crate) struct Correlation(pub(crate) CorrelationId);

impl<S: Sync> FromRequestParts<S> for Correlation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let given = parts.extensions.get::<Self>().cloned();
        Ok(given.unwrap_or_else(|| Self(CorrelationId::generate())))
    }
}

/// Wraps everything else, so that no answer leaves without its id and no error without its body.
pub(crate) async fn edge(State(api): State<Api>, request: Request, next: Next) -> Response {
    let caller = spans::of_caller(request.headers());
    let id = accepted(request.headers())
        .or_else(|| CorrelationId::new(caller?.trace.to_string()).ok())
        .unwrap_or_else(CorrelationId::generate);
    let traced = api.engine.spans().and_then(|sink| {
        let route = request.extensions().get::<MatchedPath>();
        let begun = RequestSpan::begin(&id, caller, request.method(), route, api.engine.clock().now())?;
        Some((Arc::clone(sink), begun))
    });
    let Some((sink, begun)) = traced else { return answered(id, request, next).await };
    let answer = trace::within(begun.context, answered(id, request, next)).await;
    sink.record(begun.end(answer.status(), api.engine.clock().now()));
    answer
}

async fn answered(id: CorrelationId, mut request: Request, next: Next) -> Response {
    // A path names ids only, but for the addresses that mail is handed over to, which are told to nobody. The query stays out of the
    // log, too: what callers put there is theirs.
    let path = match request.extensions().get::<MatchedPath>() {
        Some(route) if route.as_str().contains("{address}") => route.as_str(),
        _ => request.uri().path(),
    };
    let span = tracing::info_span!("request", correlation_id = %id, method = %request.method(), path);
    request.extensions_mut().insert(Correlation(id.clone()));
    // What a user follows a link to is shown to a user.
    let wants_page = request.uri().path().starts_with("/integrations/") && pages::are_wanted(request.headers());
    async move {
        let mut answer = next.run(request).await;
        if let Some(failure) = answer.extensions_mut().remove::<ApiError>() {
            let rendered = wire::render(&failure, &id);
            let rendered = if wants_page { pages::failure(&failure, &id) } else { rendered };
            // What the router said beside the status stays, `Allow` of a 405 say; the body's own headers win.
            let mut headers = std::mem::take(answer.headers_mut());
            headers.remove(axum::http::header::CONTENT_LENGTH);
            let (mut parts, body) = rendered.into_parts();
            headers.extend(std::mem::take(&mut parts.headers));
            parts.headers = headers;
            answer = Response::from_parts(parts, body);
        }
        tracing::debug!(status = answer.status().as_u16(), "answered");
        finish(answer, &id)
    }
    .instrument(span)
    .await
}

/// Answers a request that never came to the router.
pub(crate) fn refuse(failure: ApiError) -> Response {
    let id = CorrelationId::generate();
    finish(wire::render(&failure, &id), &id)
}

fn finish(mut answer: Response, id: &CorrelationId) -> Response {
    let headers = answer.headers_mut();
    // A correlation id holds letters, digits and `._:-` only.
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(CORRELATION_HEADER, value);
    }
    // Answers belong to one key and are old at once; logs are a script's own words and must not be taken for HTML.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Returns the caller's id, if it sent exactly one that may stand in logs and headers.
fn accepted(headers: &HeaderMap) -> Option<CorrelationId> {
    let mut values = headers.get_all(CORRELATION_HEADER).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    CorrelationId::new(first.to_str().ok()?).ok()
}
