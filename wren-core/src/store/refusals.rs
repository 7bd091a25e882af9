//! What stores refuse, in the same words on every technology, each with what to do instead.

use crate::error::{Error, ErrorCode};
use crate::id::{DeploymentId, RunId};
use crate::model::TransitionError;

/// Returns the error for a deployment that the owner does not have.
#[must_use]
pub fn no_deployment(id: DeploymentId) -> Error {
    Error::not_found(format_args!("deployment {id}")).with_hint("list your deployments to see their ids")
}

/// Returns the error for a revision that a deployment does not have.
#[must_use]
pub fn no_revision(id: DeploymentId, number: u32) -> Error {
    Error::not_found(format_args!("revision {number} of deployment {id}"))
        .with_hint("revisions count from 1 to the deployment's current one")
}

/// Returns the error for a run that the owner does not have.
#[must_use]
pub fn no_run(id: RunId) -> Error {
    Error::not_found(format_args!("run {id}"))
        .with_hint("list the deployment's runs to see their ids; old runs are deleted after a while")
}

/// Returns the error for a request that nobody has made before.
#[must_use]
pub fn no_request() -> Error {
    Error::not_found("a run that was asked for with this key").with_hint("ask for one")
}

/// Returns the error for what an undeployed deployment cannot do.
#[must_use]
pub fn is_undeployed(id: DeploymentId) -> Error {
    Error::new(ErrorCode::Conflict, format!("deployment {id} is undeployed"))
        .with_hint("its history stays readable; deploy the script again to get a new deployment")
}

/// Returns the error for a change that the state of a run does not allow.
#[must_use]
pub fn not_allowed(id: RunId, refusal: TransitionError) -> Error {
    let error = Error::new(ErrorCode::Conflict, format!("run {id}: {refusal}"));
    match refusal {
        TransitionError::Terminal(_) => error.with_hint("a run that has ended never changes; run the function again"),
        _ => error,
    }
}
