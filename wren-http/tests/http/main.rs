//! The API as a caller meets it: through the router, and over a socket where the socket matters.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene may panic")]

mod auth;
mod bodies;
mod connecting;
mod correlation;
mod deploy;
mod deployments;
mod document;
mod explain;
mod hostile;
mod inbound;
mod isolation;
mod keys;
mod limits;
mod lists;
mod logs;
mod metrics;
mod plan;
mod preview;
mod probes;
mod rates;
mod revisions;
mod routing;
mod runs;
mod shutdown;
mod spec;
mod streams;
mod support;
mod usage;
mod validate;
