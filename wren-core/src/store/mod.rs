//! The `Store` seam: deployments, runs and records on one technology.
//!
//! # Contract
//!
//! - A method that returns `Ok` has made its whole effect durable; one that returns `Err` has made none of it, except that
//!   after [`StoreUnavailable`](crate::ErrorCode::StoreUnavailable) the effect is unknown and the call MAY be repeated: a write
//!   is idempotent by its key, its fence or its expected version. Two are not: after a repeated [`RunStore::append_logs`]
//!   the lines may stand in the log twice, and what a [`RunStore::claim`] took whose answer was lost stays with the worker
//!   until its lease ends.
//! - A dropped future leaves either the whole effect or none.
//! - Instants are kept to the microsecond. `now` is an argument; a store reads no clock.
//! - What belongs to another owner is answered as if it did not exist. The only reads without an owner are the engine's
//!   own: [`RunStore::claim`], [`RunStore::extend`], [`RunStore::rescue_expired`] and [`DeploymentStore::scan_triggers`].
//! - Every change of a run goes through [`Run::apply`](crate::model::Run::apply).
//!
//! `wren-conformance` checks all of this; a store is one that passes its suite.

mod admit;
mod backup;
mod copying;
mod deployments;
mod fairness;
pub mod kit;
mod peers;
mod pieces;
mod portable;
mod records;
mod refusals;
mod runs;
mod timed;

use async_trait::async_trait;

pub use admit::{Admission, admit, superseded, undeployed};
pub use backup::{
    BackupSummary, RestoreOptions, Restored, create_backup, restore_backup, restore_backup_as, verify_backup,
};
pub use copying::{Copied, copy, unfinished_copy};
pub use deployments::{
    Deployed, DeploymentStore, ListDeployments, NewTrigger, PutRevision, SetStatus, StatusGuard, carry_over,
};
pub use fairness::{Candidate, ClaimLimits, pick_fairly};
pub use peers::{Peers, Signals};
pub use pieces::Pieces;
pub use portable::{Import, Portable, RecordPlace, WholeDeployment, WholeRecord, WholeRun};
pub use records::{Expect, Namespace, PutOptions, Record, RecordKey, RecordStore, RecordWrite, state_namespace};
pub use refusals::{is_undeployed, no_deployment, no_request, no_revision, no_run, not_allowed};
pub use runs::{
    AppendLogs, ClaimOptions, Claimed, Disposition, EnqueueRun, ExtendOutcome, FinishOptions, Fire, Fired, Held,
    ListRuns, LogsPruned, RecordFires, RunStore,
};
pub use timed::TimedStore;

use crate::error::Result;

/// Everything a Wren needs to keep, on one technology.
#[async_trait]
pub trait Store: DeploymentStore + RunStore + RecordStore {
    /// Returns the technology's name, for status and logs: `sqlite`, `memory`…
    fn name(&self) -> &'static str;

    /// Says whether the store can be read and written now.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when it cannot.
    async fn check(&self) -> Result<()>;

    /// Returns the way to other processes with an engine of their own on the same data, if the technology lets there be any
    /// without limit. The engines then share the triggers out between them. `None` does not mean that a second process would
    /// do harm: it plans everything, too, and each due time still becomes one run.
    fn peers(&self) -> Option<&dyn Peers>;
}
