//! The `Host` seam: what a running script may ask of the platform.

mod platform;
mod state;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use platform::PlatformHost;
pub use state::ScriptState;

use crate::error::Result;
use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId, TriggerId};
use crate::model::{Run, TriggerKind};
use crate::redact::RunSecrets;

/// Who is running: bound to host calls by the engine, so that no executor or script can claim to be another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunContext {
    /// The run.
    pub run_id: RunId,
    /// Whose it is. Not shown to the script.
    #[serde(skip, default = "nobody")]
    pub owner: OwnerId,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The deployment's name.
    pub deployment_name: String,
    /// The revision.
    pub revision: u32,
    /// What fired the run.
    pub trigger: TriggerKind,
    /// The trigger that fired it; `None` for a manual run.
    pub trigger_id: Option<TriggerId>,
    /// The function.
    pub func: String,
    /// The due time, or the time of the event or request.
    #[serde(serialize_with = "as_rfc3339")]
    pub scheduled_for: DateTime<Utc>,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The same for every attempt of the run, different for every other run.
    pub idempotency_key: String,
    /// Follows the run through logs and host calls.
    pub correlation_id: CorrelationId,
    /// The IANA zone of the trigger's schedule, `UTC` without one.
    pub timezone: String,
    /// The secrets that were taken out for the run. A host that takes one out MUST add it before it is used: the run's lines,
    /// result and error are searched for it.
    #[serde(skip)]
    pub secrets: RunSecrets,
}

fn nobody() -> OwnerId {
    #[allow(clippy::expect_used, reason = "a constant that is a valid name")]
    OwnerId::new("nobody").expect("a valid name")
}

fn as_rfc3339<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::executor::rfc3339(*at))
}

impl RunContext {
    /// Makes the context of a claimed run.
    #[must_use]
    pub fn of(run: &Run, deployment_name: impl Into<String>, timezone: impl Into<String>) -> Self {
        Self {
            run_id: run.id,
            owner: run.owner.clone(),
            deployment_id: run.deployment_id,
            deployment_name: deployment_name.into(),
            revision: run.revision,
            trigger: run.trigger,
            trigger_id: run.trigger_id,
            func: run.func.clone(),
            scheduled_for: run.scheduled_for,
            attempt: run.attempt,
            idempotency_key: run.idempotency_key(),
            correlation_id: run.correlation_id.clone(),
            timezone: timezone.into(),
            secrets: RunSecrets::default(),
        }
    }
}

/// What hosts are asked, as the guest protocol lists it: another `op` is answered with `INVALID_REQUEST`.
pub const OPS: [&str; 9] = [
    "ai.complete",
    "http.request",
    "integration.call",
    "integration.request",
    "secret.get",
    "state.delete",
    "state.get",
    "state.list",
    "state.set",
];

/// A question of a script. New capabilities are new values of `op`; no executor knows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostRequest {
    /// What is asked: `state.get`, `http.request`…; the guest protocol lists them.
    pub op: String,
    /// The arguments.
    #[serde(default)]
    pub args: Map<String, Value>,
}

/// Answers the questions of running scripts.
#[async_trait]
pub trait Host: fmt::Debug + Send + Sync + 'static {
    /// Answers one question of a run. An error is raised inside the script as an exception with the error's code; an
    /// `InternalError` reaches it with its code only.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an unknown `op` or wrong arguments, and whatever the operation itself says.
    async fn call(&self, context: &RunContext, request: HostRequest) -> Result<Value>;
}

/// A [`Host`] bound to one run: what an executor carries calls to.
#[derive(Debug, Clone)]
pub struct RunHost {
    host: Arc<dyn Host>,
    context: Arc<RunContext>,
}

impl RunHost {
    /// Binds a host to a run.
    #[must_use]
    pub fn new(host: Arc<dyn Host>, context: Arc<RunContext>) -> Self {
        Self { host, context }
    }

    /// Carries one question.
    ///
    /// # Errors
    /// Whatever the host answers.
    pub async fn call(&self, request: HostRequest) -> Result<Value> {
        self.host.call(&self.context, request).await
    }
}
