//! A request as a span, and the caller's trace that it belongs to.

use axum::extract::MatchedPath;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use chrono::{DateTime, Utc};
use wren_core::CorrelationId;
use wren_core::trace::{Span, SpanContext, SpanId, SpanKind, TraceId};

use crate::measure::method_name;

/// The header in which a caller's span comes, says [W3C Trace Context](https://www.w3.org/TR/trace-context/).
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Routes that machines ask every few seconds, which are no part of anybody's work.
const SILENT: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Returns the caller's span, if it sent exactly one that can be read.
pub(crate) fn of_caller(headers: &HeaderMap) -> Option<SpanContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    SpanContext::parse_traceparent(first.to_str().ok()?)
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    pub(crate) context: SpanContext,
    caller: Option<SpanContext>,
    correlation_id: CorrelationId,
    method: &'static str,
    route: String,
    began: DateTime<Utc>,
}

impl RequestSpan {
    /// Begins one for a request to a route; none for what is no route or is asked all the time.
    pub(crate) fn begin(
        id: &CorrelationId,
        caller: Option<SpanContext>,
        method: &Method,
        route: Option<&MatchedPath>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let route = route.map(MatchedPath::as_str).filter(|route| !SILENT.contains(route))?.to_owned();
        let context = SpanContext { trace: TraceId::of_correlation(id), span: SpanId::random() };
        Some(Self { context, caller, correlation_id: id.clone(), method: method_name(method), route, began: now })
    }

    /// Ends it with its answer, under the names of OpenTelemetry's semantic conventions for HTTP.
    pub(crate) fn end(self, status: StatusCode, now: DateTime<Utc>) -> Span {
        let name = format!("{} {}", self.method, self.route);
        let failed = status.is_server_error().then(|| status.as_str().to_owned());
        Span::new(self.context, name, SpanKind::Server, self.began, now)
            .caused_by(self.caller)
            .with("http.request.method", self.method)
            .with("http.route", self.route)
            .with("http.response.status_code", status.as_u16())
            .with("wren.correlation_id", self.correlation_id.as_str())
            .with_error(failed)
    }
}
