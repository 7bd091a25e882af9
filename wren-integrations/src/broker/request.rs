//! A request in an integration's name, as the platform's own code makes one.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// A request in an integration's name.
#[derive(Clone)]
#[non_exhaustive]
pub struct IntegrationRequest {
    /// The integration.
    pub integration: String,
    /// The method.
    pub method: String,
    /// A path, which begins with `/`, on the integration's first origin, or a URL on any of its origins.
    pub target: String,
    /// Headers. Those that say who asks, or are for one connection only, are dropped.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long it may take; `None` leaves it to the broker.
    pub timeout: Option<Duration>,
}

impl fmt::Debug for IntegrationRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither headers nor the body, which are somebody's mail.
        let Self { integration, method, .. } = self;
        formatter
            .debug_struct("IntegrationRequest")
            .field("integration", integration)
            .field("method", method)
            .finish_non_exhaustive()
    }
}

impl IntegrationRequest {
    /// Makes a request without headers and body.
    #[must_use]
    pub fn new(integration: impl Into<String>, method: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            integration: integration.into(),
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body, and the header that says so.
    #[must_use]
    pub fn with_json(self, body: &Value) -> Self {
        self.with_header("content-type", "application/json").with_body(body.to_string())
    }

    /// Sets how long it may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}
