//! The host that the engine uses by default.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::state::{ScriptState, unknown};
use super::{Host, HostRequest, RunContext};
use crate::error::{Error, ErrorCode, Result};
use crate::integration::IntegrationDirectory;

/// Answers `state.*` itself and hands everything else to the next host; without one, requests that need a credential are
/// answered with `INTEGRATION_NOT_CONFIGURED`.
#[derive(Debug, Clone)]
pub struct PlatformHost {
    state: ScriptState,
    integrations: IntegrationDirectory,
    next: Option<Arc<dyn Host>>,
}

impl PlatformHost {
    /// Makes a host without a broker.
    #[must_use]
    pub fn new(state: ScriptState, integrations: IntegrationDirectory) -> Self {
        Self { state, integrations, next: None }
    }

    /// Hands what is not `state.*` to another host, say a broker.
    #[must_use]
    pub fn with_next(mut self, next: Arc<dyn Host>) -> Self {
        self.next = Some(next);
        self
    }

    /// Answers for the broker that is not there.
    fn without_broker(&self, request: &HostRequest) -> Error {
        match request.op.as_str() {
            "integration.call" => {
                let name = request.args.get("integration").and_then(Value::as_str).unwrap_or_default();
                match self.integrations.find(name) {
                    Some(integration) => self.integrations.not_configured(integration),
                    None => self.integrations.unknown(name),
                }
            }
            op @ ("ai.complete" | "http.request" | "secret.get") => {
                let what = op.split('.').next().unwrap_or(op);
                let message = format!("`wren.{what}` is not configured on this platform");
                Error::new(ErrorCode::IntegrationNotConfigured, message)
                    .with_hint("the platform needs a provider for it; until then do without")
                    .with_action_url(self.integrations.setup_url(what))
                    .with_detail("integration", what)
            }
            op => unknown(op),
        }
    }
}

#[async_trait]
impl Host for PlatformHost {
    async fn call(&self, context: &RunContext, request: HostRequest) -> Result<Value> {
        if request.op.starts_with("state.") {
            return self.state.call(context, &request).await;
        }
        match &self.next {
            Some(next) => next.call(context, request).await,
            None => Err(self.without_broker(&request)),
        }
    }
}
