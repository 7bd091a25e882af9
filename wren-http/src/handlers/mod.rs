//! One module per kind of thing that requests are about.

mod browser;
pub(crate) mod connecting;
pub(crate) mod deploy;
pub(crate) mod deployments;
pub(crate) mod document;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod inbound;
pub(crate) mod integrations;
pub(crate) mod keys;
mod log_events;
mod log_form;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod preview;
pub(crate) mod revisions;
pub(crate) mod runs;
pub(crate) mod usage;

pub(crate) use log_events::LastEvent;
