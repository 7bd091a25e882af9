//! Deployments, revisions and triggers.

pub(crate) mod list;
pub(crate) mod table;
