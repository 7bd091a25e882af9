//! The `SpanSink` seam: what happened when, for a tracing backend.
//!
//! An engine and its API hand each finished [`Span`] to the sink they were given, and nothing without one. The ids are those of
//! [W3C Trace Context](https://www.w3.org/TR/trace-context/), and all of them that another span names later are computed, not
//! kept: the node that runs what another one fired knows the fire's span, and a crash breaks no trace.
//!
//! # What belongs to one trace
//!
//! - A request, and what it asked for: the fire and the attempts of a run that was asked for by hand, with their host calls.
//!   The trace's id comes from the [correlation id](TraceId::of_correlation).
//! - A deploy, and the first due time of each schedule after it, with its run: the trace [of the
//!   revision](TraceId::of_revision). A script that runs for months would make one trace without end of it, so each later
//!   fire begins a trace of its own, and links to the deploy.

mod ids;
mod span;

use std::fmt;

pub use ids::{SpanContext, SpanId, TraceId};
pub use span::{Span, SpanKind};

/// Takes finished spans, say to hand them to an OpenTelemetry collector.
pub trait SpanSink: fmt::Debug + Send + Sync + 'static {
    /// Takes one. It is called where the work is done: it MUST NOT block, and drops what it has no room for.
    fn record(&self, span: Span);
}

tokio::task_local! {
    static CURRENT: SpanContext;
}

/// Returns the span that this task works in.
#[must_use]
pub fn current() -> Option<SpanContext> {
    CURRENT.try_with(|context| *context).ok()
}

/// Works in a span: [`current`] returns it there.
pub async fn within<F: Future>(context: SpanContext, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

/// Makes work that another task is to do be in the span that this one works in.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let context = current();
    async move {
        match context {
            Some(context) => within(context, work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_knows_the_span_it_is_done_in() {
        let context = SpanContext { trace: TraceId::random(), span: SpanId::random() };
        assert_eq!(current(), None);
        within(context, async { assert_eq!(current(), Some(context)) }).await;
        let elsewhere = async { tokio::spawn(carried(async { current() })).await.unwrap() };
        assert_eq!(within(context, elsewhere).await, Some(context));
        assert_eq!(current(), None);
    }
}
