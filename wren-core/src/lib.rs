//! The core of Wren: runs agent-written Python scripts on schedules and events, reliably, for months.

pub mod clock;
pub mod deploy;
pub mod egress;
pub mod engine;
mod error;
pub mod executor;
pub mod guest;
pub mod host;
mod id;
pub mod integration;
pub mod keys;
pub mod mail;
pub mod memory;
pub mod model;
pub mod quota;
pub mod redact;
pub mod schedule;
pub mod source;
pub mod store;
pub mod suggest;
pub mod trace;
pub mod vault;

pub use error::{Error, ErrorClass, ErrorCode, Location, ParseErrorCodeError, Result, WireError, WireErrorBody};
pub use id::{
    CorrelationId, DeploymentId, DeploymentName, KeyId, OwnerId, ParseIdError, ParseNameError, RunId, TriggerId,
    WorkerId,
};
