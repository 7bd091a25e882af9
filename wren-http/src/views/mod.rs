//! The bodies of answers, for those who write them and for clients who read them. Instants are RFC 3339 in UTC with `Z`.

mod deployment;
mod integration;
mod run;

pub use deployment::{DeployConfirmation, DeploymentDetail, DeploymentList, DeploymentSummary, TriggerDetail};
pub use integration::{IntegrationProblem, Validation};
pub use run::{AttemptView, LogPage, RunDetail, RunList, RunSummary};
