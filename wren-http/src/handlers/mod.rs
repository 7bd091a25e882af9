//! One module per kind of thing that requests are about.

pub(crate) mod connecting;
pub(crate) mod deploy;
pub(crate) mod deployments;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod inbound;
pub(crate) mod integrations;
pub(crate) mod logs;
pub(crate) mod preview;
pub(crate) mod runs;
