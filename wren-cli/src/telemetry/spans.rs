//! Spans leave the process: in batches, from a thread of their own, as OTLP over HTTP.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SamplingDecision, ShouldSample as _, SpanData, SpanEvents, SpanLinks,
    SpanProcessor as _,
};
use wren_core::trace::{self, Span, SpanSink};
use wren_core::{Error, ErrorCode};

use crate::args::TracingArgs;
use crate::failure::Failure;

/// How long the last spans may take on their way out.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// The address for spans alone, which the exporter reads itself.
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/// Hands spans to a collector. What it cannot take in time is dropped: no run waits for it.
#[derive(Debug)]
pub(crate) struct OtlpSpans {
    processor: BatchSpanProcessor,
    sampler: Sampler,
    scope: InstrumentationScope,
}

impl OtlpSpans {
    /// Makes one, if spans are to go anywhere.
    pub(crate) fn make(args: &TracingArgs, instance: &str) -> Result<Option<Self>, Failure> {
        let has_own = std::env::var_os(TRACES_ENDPOINT).is_some_and(|value| !value.is_empty());
        if args.otlp_endpoint.is_none() && !has_own {
            return Ok(None);
        }
        let mut builder = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        if let Some(base) = args.otlp_endpoint.as_ref().filter(|_| !has_own) {
            builder = builder.with_endpoint(format!("{base}/v1/traces"));
        }
        let exporter = builder.build().map_err(|error| {
            let error = Error::new(ErrorCode::InvalidRequest, format!("spans cannot be exported: {error}"));
            Failure::from(error.with_hint("see --otlp-endpoint and the variables that begin with OTEL_EXPORTER_OTLP_"))
        })?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&resource(instance));
        let scope = InstrumentationScope::builder("wren").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Some(Self { processor, sampler: Sampler::TraceIdRatioBased(args.trace_ratio), scope }))
    }

    /// Sends what is left. Blocks.
    pub(crate) fn finish(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(LAST_WAIT) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }

    fn is_sampled(&self, span: &Span) -> bool {
        let trace = TraceId::from_bytes(span.context.trace.to_bytes());
        let result = self.sampler.should_sample(None, trace, &span.name, &kind(span.kind), &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }
}

impl SpanSink for OtlpSpans {
    fn record(&self, span: Span) {
        if !self.is_sampled(&span) {
            return;
        }
        let parent = span.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_bytes()));
        let mut links = SpanLinks::default();
        links.links = span.links.iter().map(|link| Link::with_context(context(*link, true))).collect();
        let mut attributes: Vec<KeyValue> =
            span.attributes.iter().map(|(name, value)| KeyValue::new(*name, attribute(value))).collect();
        let status = match span.error {
            Some(code) => {
                attributes.push(KeyValue::new("error.type", code.clone()));
                Status::error(code)
            }
            None => Status::Unset,
        };
        self.processor.on_end(SpanData {
            span_context: context(span.context, false),
            parent_span_id: parent,
            // It may have ended on another node.
            parent_span_is_remote: true,
            span_kind: kind(span.kind),
            name: span.name,
            start_time: SystemTime::from(span.start),
            end_time: SystemTime::from(span.end),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// Says which process the spans are of. What `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say is there already.
fn resource(instance: &str) -> Resource {
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some()
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|text| text.contains("service.name="));
    let mut builder = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance.to_owned()),
    ]);
    if !named {
        builder = builder.with_service_name("wren");
    }
    builder.build()
}

fn context(context: trace::SpanContext, is_remote: bool) -> SpanContext {
    let (trace, span) = (TraceId::from_bytes(context.trace.to_bytes()), SpanId::from_bytes(context.span.to_bytes()));
    SpanContext::new(trace, span, TraceFlags::SAMPLED, is_remote, TraceState::default())
}

fn kind(kind: trace::SpanKind) -> SpanKind {
    match kind {
        trace::SpanKind::Server => SpanKind::Server,
        trace::SpanKind::Client => SpanKind::Client,
        trace::SpanKind::Producer => SpanKind::Producer,
        trace::SpanKind::Consumer => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn attribute(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::I64(number),
            None => Value::F64(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::String(text.clone().into()),
        other => Value::String(other.to_string().into()),
    }
}
