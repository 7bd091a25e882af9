//! One span.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{SpanContext, SpanId};

/// Something that was done, from when to when.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// Which span it is, of which trace.
    pub context: SpanContext,
    /// The span that it was done for, of the same trace.
    pub parent: Option<SpanId>,
    /// Spans of other traces that led to it.
    pub links: Vec<SpanContext>,
    /// What was done, in few different names: ids are attributes.
    pub name: Cow<'static, str>,
    /// Its part in a conversation.
    pub kind: SpanKind,
    /// When it began.
    pub start: DateTime<Utc>,
    /// When it ended, not before it began.
    pub end: DateTime<Utc>,
    /// What else is known, under the names of OpenTelemetry's semantic conventions, or `wren.…` where these have none. Texts,
    /// numbers and truth values.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, where it did: an error code.
    pub error: Option<String>,
}

/// A span's part in a conversation, as OpenTelemetry's trace API has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanKind {
    /// Within the process.
    Internal,
    /// Answers a request.
    Server,
    /// Asks somebody else and waits.
    Client,
    /// Leaves work for later.
    Producer,
    /// Does what was left.
    Consumer,
}

impl Span {
    /// Makes a span without attributes. One that would end before it begins, because clocks differ, ends at once.
    #[must_use]
    pub fn new(
        context: SpanContext,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Self {
        let (name, end) = (name.into(), end.max(start));
        Self { context, parent: None, links: Vec::new(), name, kind, start, end, attributes: Vec::new(), error: None }
    }

    /// Puts it under a span of its trace, or links to a span of another one.
    #[must_use]
    pub fn caused_by(mut self, cause: Option<SpanContext>) -> Self {
        match cause {
            Some(cause) if cause.trace == self.context.trace => self.parent = Some(cause.span),
            Some(cause) => self.links.push(cause),
            None => {}
        }
        self
    }

    /// Adds what else is known.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Says why it failed.
    #[must_use]
    pub fn with_error(mut self, code: Option<impl Into<String>>) -> Self {
        self.error = code.map(Into::into);
        self
    }
}
