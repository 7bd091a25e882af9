//! Runs: recorded, claimed, finished, listed.

pub(crate) mod changes;
pub(crate) mod fire;
pub(crate) mod leases;
pub(crate) mod list;
pub(crate) mod logs;
#[cfg(test)]
mod plans;
pub(crate) mod prune;
pub(crate) mod queue;
pub(crate) mod table;
