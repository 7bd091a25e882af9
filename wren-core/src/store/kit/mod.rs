//! For those who write a store: everything about it that is not the technology.
//!
//! What a store does (which fire is skipped, whose claim is lost, which triggers a deploy keeps) is decided here once, as
//! [operations](Operation) on [`Tables`]. A store on a new technology is then four things:
//!
//! 1. [`Tables`]: raw reads and writes within one open transaction, without a decision in them;
//! 2. [`Transactions`]: how a transaction begins and ends. A [`Writer`] gives it everything that queued up while the last
//!    one was made durable, so that many callers share one sync;
//! 3. the reads of a [`Backend`], which go past the writer;
//! 4. opening: whose file or schema it is, and of which version.
//!
//! Whoever implements [`Backend`] has a [`Store`](super::Store). `wren-store-sqlite` is the example to read, and
//! `wren-conformance` says when it is done. A store need not use any of this: the one in memory does not.

mod backend;
mod changes;
pub(crate) mod cursor;
mod deploying;
mod ending;
mod failpoint;
pub mod file;
mod firing;
mod handing_out;
mod importing;
mod job;
mod json;
mod keeping;
mod leasing;
mod printing;
mod queue;
mod recording;
mod requesting;
mod setting;
mod tables;
mod writer;

pub use backend::{Backend, DeploymentList, Lane, Place, RecordList, RunList};
pub use changes::{AttemptEnded, AttemptStarted, Changes, RunProgress};
pub use failpoint::failpoint;
pub use job::{Group, Operation, Single};
pub use json::{json, parsed, unreadable};
pub use queue::{QueuedRun, RunQueue};
pub use tables::{Detail, FireTarget, NewLine, NewRevision, Picked, Tables};
pub use writer::{Transactions, Writer, closed};

use chrono::{DateTime, SubsecRound as _, Utc};

/// Cuts an instant to what a store keeps, so that an answer says what a later read will say.
#[must_use]
pub fn trimmed(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}
