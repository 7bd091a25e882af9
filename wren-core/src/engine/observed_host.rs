//! The host as one attempt sees it: what it is asked is counted, timed and traced.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::inner::Inner;
use super::measures;
use crate::clock::Clock;
use crate::error::Result;
use crate::host::{Host, HostRequest, OPS, RunContext};
use crate::trace::{Span, SpanContext, SpanId, SpanKind, SpanSink};

/// Longer than the name of any integration.
const NAME_LIMIT: usize = 64;

#[derive(Debug)]
pub(super) struct ObservedHost {
    host: Arc<dyn Host>,
    clock: Arc<dyn Clock>,
    /// Who takes spans, and that of the attempt.
    spans: Option<(Arc<dyn SpanSink>, SpanContext)>,
}

impl ObservedHost {
    pub(super) fn new(inner: &Inner, attempt: Option<SpanContext>) -> Self {
        let (host, clock) = (Arc::clone(&inner.host), Arc::clone(&inner.clock));
        Self { host, clock, spans: inner.spans.clone().zip(attempt) }
    }
}

#[async_trait]
impl Host for ObservedHost {
    async fn call(&self, context: &RunContext, request: HostRequest) -> Result<Value> {
        // A script may ask for anything, and names are few.
        let op = OPS.iter().find(|known| **known == request.op).copied().unwrap_or("other");
        let integration = match (&self.spans, request.args.get("integration")) {
            (Some(_), Some(Value::String(name))) if name.len() <= NAME_LIMIT => Some(name.clone()),
            _ => None,
        };
        let began = self.clock.now();
        let answer = self.host.call(context, request).await;
        let ended = self.clock.now();
        measures::host_call(op, answer.as_ref().err().map(crate::Error::code), ended - began);
        if let Some((sink, attempt)) = &self.spans {
            let own = SpanContext { trace: attempt.trace, span: SpanId::random() };
            let kind = if op.starts_with("state.") { SpanKind::Internal } else { SpanKind::Client };
            let mut span = Span::new(own, op, kind, began, ended)
                .caused_by(Some(*attempt))
                .with("wren.run.id", context.run_id.to_string())
                .with_error(answer.as_ref().err().map(|error| error.code().as_str()));
            if let Some(name) = integration {
                span = span.with("wren.integration", name);
            }
            sink.record(span);
        }
        answer
    }
}
