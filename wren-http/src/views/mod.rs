//! The bodies of answers, for the server that writes them and for clients that read them.
//!
//! Instants are RFC 3339 in UTC with `Z`, without a fraction of a second when there is none.

mod deployment;
mod inbound;
mod integration;
mod key;
mod preview;
mod revision;
mod run;
mod usage;
mod watch;

pub use deployment::{
    DeployConfirmation, DeploymentDetail, DeploymentList, DeploymentSummary, TriggerDetail, TriggerFacts,
};
pub use inbound::{ClosedInbound, DeliveryReceipt, InboundAddressView};
pub use integration::{
    ConnectLink, ConnectionStatus, IntegrationList, IntegrationProblem, IntegrationView, Validation,
};
pub use key::{IssuedKey, KeyList, KeyView, RevokedKey};
pub use preview::{PastEventView, PreviewProblem, PreviewedTrigger, ScriptPreview};
pub use revision::{RevisionDetail, RevisionList, RevisionView};
pub use run::{AttemptView, LogPage, RunDetail, RunList, RunSummary};
pub use usage::{QuotaView, UsageView};
pub use watch::{WatchErrorView, WatchView};
