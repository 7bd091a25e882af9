//! The spans of an engine: deploys, fires, attempts. [`crate::trace`] says which belong to one trace.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::inner::Inner;
use super::measures;
use crate::id::DeploymentId;
use crate::model::{Run, RunState, TriggerKind};
use crate::store::Deployed;
use crate::trace::{self, Span, SpanContext, SpanId, SpanKind, TraceId};

/// A script was deployed.
pub(super) fn deployed(inner: &Inner, deployed: &Deployed, began: DateTime<Utc>) {
    let Some(sink) = inner.spans.as_ref().filter(|_| deployed.changed) else { return };
    let deployment = &deployed.deployment;
    let context = of_deploy(deployment.id, deployment.revision);
    sink.record(
        Span::new(context, "deploy", SpanKind::Producer, began, inner.clock.now())
            .caused_by(trace::current())
            .with("wren.owner", deployment.owner.to_string())
            .with("wren.deployment.id", deployment.id.to_string())
            .with("wren.deployment.name", deployment.name.as_str())
            .with("wren.revision", deployment.revision)
            .with("wren.triggers", deployed.triggers.len()),
    );
}

/// A run was recorded because somebody asked for it.
pub(super) fn asked_for(inner: &Inner, run: &Run) {
    let Some(sink) = &inner.spans else { return };
    let context = SpanContext { trace: TraceId::of_correlation(&run.correlation_id), span: SpanId::of_fire(run.id) };
    let mut span = fire(run, context).caused_by(trace::current());
    span.links.push(of_deploy(run.deployment_id, run.revision));
    sink.record(span);
}

/// A run that a trigger fired is attempted for the first time.
pub(super) fn fired(inner: &Inner, run: &Run, is_first_due: bool) {
    let Some(sink) = inner.spans.as_ref().filter(|_| run.attempt == 1 && run.trigger != TriggerKind::Manual) else {
        return;
    };
    let context = SpanContext { trace: trace_of(run, is_first_due), span: SpanId::of_fire(run.id) };
    sink.record(fire(run, context).caused_by(Some(of_deploy(run.deployment_id, run.revision))));
}

/// An attempt has ended: the run is as it is then.
pub(super) fn attempted(
    inner: &Inner,
    run: &Run,
    context: Option<SpanContext>,
    executor: &str,
    took: Range<DateTime<Utc>>,
) {
    let (Some(sink), Some(context)) = (&inner.spans, context) else { return };
    let failed = match run.state {
        RunState::Failed | RunState::Timeout | RunState::Queued => run.error.as_ref(),
        _ => None,
    };
    let mut span = about(run, Span::new(context, "run", SpanKind::Consumer, took.start, took.end))
        .with("wren.outcome", measures::outcome(run))
        .with("wren.executor", executor)
        .with_error(failed.map(|error| error.code.as_str()));
    span.parent = Some(SpanId::of_fire(run.id));
    sink.record(span);
}

/// Returns the span of the attempt that a run is in; none where nobody takes spans.
pub(super) fn of_attempt(inner: &Inner, run: &Run, is_first_due: bool) -> Option<SpanContext> {
    inner.spans.as_ref()?;
    Some(SpanContext { trace: trace_of(run, is_first_due), span: SpanId::of_attempt(run.id, run.epoch) })
}

fn of_deploy(id: DeploymentId, revision: u32) -> SpanContext {
    SpanContext { trace: TraceId::of_revision(id, revision), span: SpanId::of_deploy(id, revision) }
}

fn trace_of(run: &Run, is_first_due: bool) -> TraceId {
    if is_first_due {
        TraceId::of_revision(run.deployment_id, run.revision)
    } else {
        TraceId::of_correlation(&run.correlation_id)
    }
}

/// From when the run was due until it was recorded.
fn fire(run: &Run, context: SpanContext) -> Span {
    let due = run.scheduled_for.min(run.created_at);
    about(run, Span::new(context, "fire", SpanKind::Producer, due, run.created_at))
        .with("wren.scheduled_for", crate::executor::rfc3339(run.scheduled_for))
}

fn about(run: &Run, span: Span) -> Span {
    let span = span
        .with("wren.owner", run.owner.to_string())
        .with("wren.run.id", run.id.to_string())
        .with("wren.deployment.id", run.deployment_id.to_string())
        .with("wren.revision", run.revision)
        .with("wren.function", run.func.as_str())
        .with("wren.trigger.kind", run.trigger.as_str())
        .with("wren.attempt", run.attempt)
        .with("wren.correlation_id", run.correlation_id.as_str());
    match run.trigger_id {
        Some(id) => span.with("wren.trigger.id", id.to_string()),
        None => span,
    }
}
